/* The data file of a saving session. It goes around mtty's, which has the first and the last bytes. */

static ssize_t big_read_record(struct mtty_migration_file *file, char __user *buffer, size_t length)
{
	struct big_session *session = &file->big;
	bool is_stopped = file->mdev_state->state == VFIO_DEVICE_STATE_STOP_COPY;

	if (session->done == session->length &&
	    !big_session_next(session, &file->mdev_state->content, is_stopped))
		return 0;
	length = min(length, session->length - session->done);
	if (copy_to_user(buffer, (u8 *)&session->record + session->done, length))
		return -EFAULT;
	session->done += length;
	return length;
}

/* The next piece of one of the three parts: mtty's header, records, mtty's registers. */
static ssize_t big_read_piece(struct file *filp, char __user *buffer, size_t length)
{
	struct mtty_migration_file *file = filp->private_data;
	loff_t header = offsetof(struct mtty_data, ports);
	ssize_t count = 0;

	if (file->disabled)
		return -ENODEV;
	if (filp->f_pos < header)
		return mtty_save_read(filp, buffer, min_t(size_t, length, header - filp->f_pos), NULL);
	if (filp->f_pos == header)
		count = big_read_record(file, buffer, length);
	return count ? count : mtty_save_read(filp, buffer, length, NULL);
}

static ssize_t big_read(struct file *filp, char __user *buffer, size_t length, loff_t *position)
{
	struct mtty_migration_file *file = filp->private_data;
	struct mdev_state *device = file->mdev_state;
	ssize_t count = 0, done = 0;

	mutex_lock(&device->state_mutex);
	big_catch_up(device);
	if (!file->disabled && big_is_due(&big_error_on_read)) {
		big_fail(device);
		count = -EIO;
	}
	while (count >= 0 && done < length) {
		count = big_read_piece(filp, buffer + done, length - done);
		if (count <= 0)
			break;
		done += count;
	}
	if (!done && !count && length && big_is_in_pre_copy(device) && big_enomsg)
		count = -ENOMSG;
	mtty_state_mutex_unlock(device);
	return done ? done : count;
}

static __poll_t big_data_poll(struct file *filp, poll_table *table)
{
	struct mtty_migration_file *file = filp->private_data;
	struct mdev_state *device = file->mdev_state;
	u64 initial, changed;
	bool is_ready;

	poll_wait(filp, &device->data_wait, table);
	mutex_lock(&device->state_mutex);
	big_catch_up(device);
	big_session_left(&file->big, &device->content, &initial, &changed);
	is_ready = file->disabled || !big_is_in_pre_copy(device) || !filp->f_pos || initial || changed;
	mtty_state_mutex_unlock(device);
	return is_ready ? EPOLLIN | EPOLLRDNORM : 0;
}

static long big_precopy_info(struct file *filp, unsigned int command, unsigned long argument)
{
	struct mtty_migration_file *file = filp->private_data;
	struct mdev_state *device = file->mdev_state;
	size_t size = offsetofend(struct vfio_precopy_info, dirty_bytes);
	struct vfio_precopy_info info;
	long status = 0;
	u64 initial, changed;

	if (command != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (copy_from_user(&info, (void __user *)argument, size))
		return -EFAULT;
	if (info.argsz < size)
		return -EINVAL;
	mutex_lock(&device->state_mutex);
	big_catch_up(device);
	if (!big_is_in_pre_copy(device))
		status = -EINVAL;
	else if (file->disabled)
		status = -ENODEV;
	if (!status) {
		big_session_left(&file->big, &device->content, &initial, &changed);
		info.initial_bytes = initial + offsetof(struct mtty_data, ports) - filp->f_pos;
		info.dirty_bytes = changed;
#ifdef VFIO_PRECOPY_INFO_REINIT
		if (device->vdev.precopy_info_v2)
			info.flags = file->big.has_new_initial ? VFIO_PRECOPY_INFO_REINIT : 0;
#endif
		/* Said once, as mlx5 does. */
		file->big.has_new_initial = false;
	}
	mtty_state_mutex_unlock(device);
	if (!status && copy_to_user((void __user *)argument, &info, size))
		status = -EFAULT;
	return status;
}

static int big_release(struct inode *inode, struct file *filp)
{
	struct mtty_migration_file *file = filp->private_data;

	kvfree(file->big.changed);
	return mtty_release_migf(inode, filp);
}

#define BIG_SAVING                                                        \
	.owner = THIS_MODULE, .read = big_read, .release = big_release,   \
	.unlocked_ioctl = big_precopy_info, .compat_ioctl = compat_ptr_ioctl

static const struct file_operations big_saving = { BIG_SAVING };
static const struct file_operations big_polled_saving = { BIG_SAVING, .poll = big_data_poll };

static const struct file_operations *big_saving_operations(void)
{
	return big_poll ? &big_polled_saving : &big_saving;
}
