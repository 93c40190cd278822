/*
 * A device of mtty_big. Whoever looks at one holds its state_mutex, and lets happen first what is due
 * by the clock: writes, new initial data, an error.
 */
#define BIG_TICK_MS 20

static ssize_t mtty_save_read(struct file *, char __user *, size_t, loff_t *);
static ssize_t mtty_resume_write(struct file *, const char __user *, size_t, loff_t *);
static int mtty_release_migf(struct inode *, struct file *);
static void mtty_disable_files(struct mdev_state *);
static void mtty_state_mutex_unlock(struct mdev_state *);
static struct file *mtty_step_state(struct mdev_state *, enum vfio_device_mig_state);
static int mtty_get_state(struct vfio_device *, enum vfio_device_mig_state *);
static int mtty_get_data_size(struct vfio_device *, unsigned long *);
static int mtty_init_dev(struct vfio_device *);
static void mtty_release_dev(struct vfio_device *);
static void mtty_close(struct vfio_device *);

static atomic_t big_devices = ATOMIC_INIT(0);

static struct mdev_state *big_owner(struct vfio_device *vdev)
{
	return container_of(vdev, struct mdev_state, vdev);
}

static bool big_is_in_pre_copy(struct mdev_state *device)
{
	return device->state == VFIO_DEVICE_STATE_PRE_COPY ||
	       device->state == VFIO_DEVICE_STATE_PRE_COPY_P2P;
}

static bool big_is_running(struct mdev_state *device)
{
	return device->state == VFIO_DEVICE_STATE_RUNNING ||
	       device->state == VFIO_DEVICE_STATE_RUNNING_P2P || big_is_in_pre_copy(device);
}

/* As a function that was reset: no registers, no secrets, the state of the beginning. */
static void big_reset(struct mdev_state *device)
{
	unsigned long blocks = max(1U, big_image_kb / (BIG_BLOCK / 1024));

	memset(device->s, 0, sizeof(device->s));
	device->s[0].max_fifo_size = MAX_FIFO_SIZE;
	device->s[1].max_fifo_size = MAX_FIFO_SIZE;
	if (big_renew(&device->content, blocks, big_seed + device->number * BIG_STEP))
		device->state = VFIO_DEVICE_STATE_ERROR;
	wake_up_all(&device->data_wait);
}

static void big_fail(struct mdev_state *device)
{
	device->state = VFIO_DEVICE_STATE_ERROR;
	mtty_disable_files(device);
	wake_up_all(&device->data_wait);
}

static bool big_is_past(struct big_session *session, unsigned int milliseconds)
{
	return milliseconds && ktime_get_ns() - session->began >= milliseconds * NSEC_PER_MSEC;
}

static bool big_wants_new_initial(struct mdev_state *device)
{
#ifdef VFIO_PRECOPY_INFO_REINIT
	return device->vdev.precopy_info_v2;
#else
	return false;
#endif
}

/* Lets happen what is due. */
static void big_catch_up(struct mdev_state *device)
{
	unsigned int rate = big_is_running(device) ? READ_ONCE(big_dirty_mb_s) : 0;
	unsigned long due = big_writes_due(&device->content, rate);
	struct big_session *session = device->saving_migf ? &device->saving_migf->big : NULL;

	while (due--) {
		unsigned long block = big_write_next(&device->content);

		if (session)
			big_session_mark(session, block);
		cond_resched();
	}
	if (session && big_is_in_pre_copy(device) && !session->was_renewed &&
	    big_is_past(session, big_reinit_after_ms))
		big_session_renew(session, big_wants_new_initial(device));
	if (session && big_is_past(session, big_error_after_ms)) {
		big_error_after_ms = 0;
		big_fail(device);
	}
}

static void big_tick(struct work_struct *work)
{
	struct mdev_state *device = container_of(work, struct mdev_state, tick.work);

	mutex_lock(&device->state_mutex);
	big_catch_up(device);
	if (device->saving_migf)
		schedule_delayed_work(&device->tick, msecs_to_jiffies(BIG_TICK_MS));
	mtty_state_mutex_unlock(device);
	wake_up_all(&device->data_wait);
}
