/* What becomes of mtty's operations: arcs, the data file of a resuming session, open and close. */

static int big_check_commit(struct mdev_state *device)
{
	if (big_is_due(&big_refuse))
		return -EINVAL;
	return big_session_is_whole(&device->resuming_migf->big, &device->content) ? 0 : -EINVAL;
}

/* One arc, by mtty. */
static struct file *big_step_state(struct mdev_state *device, enum vfio_device_mig_state next)
{
	bool is_commit = device->state == VFIO_DEVICE_STATE_RESUMING;
	struct big_end end = {};
	struct file *filp;
	int error = 0;

	if (big_arc_ms)
		msleep(big_arc_ms);
	if (next == VFIO_DEVICE_STATE_STOP_COPY && big_is_due(&big_busy))
		return ERR_PTR(-EBUSY);
	if (is_commit) {
		error = big_check_commit(device);
		end = device->resuming_migf->big.record.end;
	}
	filp = error ? ERR_PTR(error) : mtty_step_state(device, next);
	if (IS_ERR(filp))
		return filp;
	if (is_commit) {
		device->content.seed = end.seed;
		device->content.writes = end.writes;
	}
	if (filp && device->saving_migf) {
		error = big_session_begin(&device->saving_migf->big, &device->content);
		if (error) {
			mtty_disable_files(device);
			fput(filp);
			return ERR_PTR(error);
		}
		schedule_delayed_work(&device->tick, msecs_to_jiffies(BIG_TICK_MS));
	}
	wake_up_all(&device->data_wait);
	return filp;
}

static int big_get_state(struct vfio_device *vdev, enum vfio_device_mig_state *state)
{
	struct mdev_state *device = big_owner(vdev);

	mutex_lock(&device->state_mutex);
	big_catch_up(device);
	mtty_state_mutex_unlock(device);
	return mtty_get_state(vdev, state);
}

/* What a session from here on has to carry; in the middle of one, what it has left. */
static int big_get_data_size(struct vfio_device *vdev, unsigned long *length)
{
	struct mdev_state *device = big_owner(vdev);
	u64 initial = device->content.blocks * BIG_BLOCK_RECORD, changed = 0;

	mtty_get_data_size(vdev, length);
	mutex_lock(&device->state_mutex);
	big_catch_up(device);
	if (device->saving_migf)
		big_session_left(&device->saving_migf->big, &device->content, &initial, &changed);
	*length += initial + changed + BIG_END_RECORD;
	mtty_state_mutex_unlock(device);
	return 0;
}

static ssize_t big_write_record(struct mtty_migration_file *file, const char __user *buffer,
				size_t length)
{
	struct big_session *session = &file->big;
	struct big_content *content = &file->mdev_state->content;
	size_t wanted = big_session_wanted(session);
	int error;

	length = min(length, wanted - session->done);
	if (copy_from_user((u8 *)&session->record + session->done, buffer, length))
		return -EFAULT;
	session->done += length;
	if (session->done < wanted)
		return length;
	if (wanted > sizeof(u64)) {
		error = big_session_load(session, content);
		return error ? error : length;
	}
	return session->record.block < content->blocks || session->record.block == BIG_END ?
		length : -EINVAL;
}

/* The next piece of one of the three parts: mtty's header, records, mtty's registers. */
static ssize_t big_write_piece(struct file *filp, const char __user *buffer, size_t length)
{
	struct mtty_migration_file *file = filp->private_data;
	loff_t header = offsetof(struct mtty_data, ports);

	if (file->disabled)
		return -ENODEV;
	if (filp->f_pos < header)
		return mtty_resume_write(filp, buffer, min_t(size_t, length, header - filp->f_pos),
					 NULL);
	if (!file->big.is_ended)
		return big_write_record(file, buffer, length);
	return mtty_resume_write(filp, buffer, length, NULL);
}

/* Takes all of it or fails. */
static ssize_t big_write(struct file *filp, const char __user *buffer, size_t length, loff_t *position)
{
	struct mtty_migration_file *file = filp->private_data;
	struct mdev_state *device = file->mdev_state;
	ssize_t count = 0, done = 0;

	mutex_lock(&device->state_mutex);
	big_catch_up(device);
	if (!file->disabled && big_is_due(&big_error_on_write)) {
		big_fail(device);
		count = -EIO;
	}
	while (count >= 0 && done < length) {
		count = big_write_piece(filp, buffer + done, length - done);
		done += count;
	}
	mtty_state_mutex_unlock(device);
	return count < 0 ? count : done;
}

static int big_init(struct vfio_device *vdev)
{
	struct mdev_state *device = big_owner(vdev);
	int error = mtty_init_dev(vdev);

	if (error)
		return error;
	device->number = atomic_inc_return(&big_devices);
	init_waitqueue_head(&device->data_wait);
	INIT_DELAYED_WORK(&device->tick, big_tick);
	big_reset(device);
	return 0;
}

static void big_remove(struct vfio_device *vdev)
{
	vfree(big_owner(vdev)->content.words);
	mtty_release_dev(vdev);
}

/* The last close. */
static void big_close(struct vfio_device *vdev)
{
	struct mdev_state *device = big_owner(vdev);

	cancel_delayed_work_sync(&device->tick);
	mutex_lock(&device->state_mutex);
	mtty_close(vdev);
	if (big_close_resets) {
		device->state = VFIO_DEVICE_STATE_RUNNING;
		big_reset(device);
	}
	mtty_state_mutex_unlock(device);
}

/* In sysfs: state, bytes, writes, and the sum of what is really there. */
static ssize_t big_show(struct device *dev, struct device_attribute *attribute, char *buffer)
{
	struct mdev_state *device = dev_get_drvdata(dev);
	struct big_content *content = &device->content;
	ssize_t count;
	u64 sum;

	mutex_lock(&device->state_mutex);
	big_catch_up(device);
	sum = big_whole_sum(content);
	WARN_ON(sum != content->sum);
	count = sysfs_emit(buffer, "%d %lu %llu %016llx\n", device->state,
			   content->blocks * BIG_BLOCK, content->writes, sum);
	mtty_state_mutex_unlock(device);
	return count;
}

static DEVICE_ATTR_RO(big);
