/*
 * What a data file of mtty_big carries between mtty's own header and mtty's own registers: records.
 * A record is the number of a block and its bytes, or BIG_END and what the whole has to be.
 */
#define BIG_END (~0ULL)

struct big_end {
	u64 bytes;
	u64 seed;
	u64 writes;
	u64 sum;
};

struct big_record {
	u64 block;
	union {
		u64 words[BIG_WORDS];
		struct big_end end;
	};
};

#define BIG_BLOCK_RECORD sizeof(struct big_record)
#define BIG_END_RECORD (sizeof(u64) + sizeof(struct big_end))

/* Added to mtty's data file. */
struct big_session {
	struct big_record record;
	/* How long the record is, and how much of it was read or written. */
	size_t length, done;
	bool is_ended;
	/* Saving only: when it began, in nanoseconds. */
	u64 began;
	/* The blocks before it were sent once; those of them that have changed since are marked. */
	unsigned long next;
	unsigned long *changed;
	unsigned long changed_count;
	bool is_initial, has_new_initial, was_renewed;
};

static int big_session_begin(struct big_session *session, struct big_content *content)
{
	session->began = ktime_get_ns();
	session->changed = kvcalloc(BITS_TO_LONGS(content->blocks), sizeof(long), GFP_KERNEL);
	return session->changed ? 0 : -ENOMEM;
}

/* A block has changed; one that was not sent yet will be sent as it is then. */
static void big_session_mark(struct big_session *session, unsigned long block)
{
	if (block < session->next && !test_and_set_bit(block, session->changed))
		session->changed_count++;
}

/* Everything has to be sent again: as new initial data, or as changes where nobody asked for that. */
static void big_session_renew(struct big_session *session, bool as_initial)
{
	session->was_renewed = true;
	if (as_initial) {
		bitmap_zero(session->changed, session->next);
		session->changed_count = 0;
		session->next = 0;
		session->has_new_initial = true;
	} else {
		bitmap_fill(session->changed, session->next);
		session->changed_count = session->next;
	}
}

/* Makes the next record, if there is something to send now. */
static bool big_session_next(struct big_session *session, struct big_content *content, bool is_stopped)
{
	unsigned long block;

	if (session->is_ended)
		return false;
	session->done = 0;
	session->length = BIG_BLOCK_RECORD;
	session->is_initial = session->next < content->blocks;
	if (session->is_initial) {
		block = session->next++;
	} else if (session->changed_count) {
		block = find_first_bit(session->changed, content->blocks);
		clear_bit(block, session->changed);
		session->changed_count--;
	} else if (is_stopped) {
		session->record.block = BIG_END;
		session->record.end = (struct big_end){
			.bytes = content->blocks * BIG_BLOCK,
			.seed = content->seed,
			.writes = content->writes,
			.sum = content->sum,
		};
		session->length = BIG_END_RECORD;
		session->is_ended = true;
		return true;
	} else {
		session->length = 0;
		return false;
	}
	session->record.block = block;
	memcpy(session->record.words, big_block(content, block), BIG_BLOCK);
	return true;
}

/* What is left to read before the next temporary end, by PRECOPY_INFO's two kinds. */
static void big_session_left(struct big_session *session, struct big_content *content,
			     u64 *initial, u64 *changed)
{
	size_t rest = session->length - session->done;

	*initial = (content->blocks - session->next) * BIG_BLOCK_RECORD;
	*changed = session->changed_count * BIG_BLOCK_RECORD;
	*(session->is_initial ? initial : changed) += rest;
}

/* How much of the record under way has to be written before it can be looked at. */
static size_t big_session_wanted(struct big_session *session)
{
	if (session->done < sizeof(u64))
		return sizeof(u64);
	return session->record.block == BIG_END ? BIG_END_RECORD : BIG_BLOCK_RECORD;
}

/* Puts a record that was written into the device. */
static int big_session_load(struct big_session *session, struct big_content *content)
{
	u64 block = session->record.block;

	session->done = 0;
	if (block == BIG_END) {
		session->is_ended = true;
		return session->record.end.bytes == content->blocks * BIG_BLOCK ? 0 : -EINVAL;
	}
	content->sum -= big_block_sum(content, block);
	memcpy(big_block(content, block), session->record.words, BIG_BLOCK);
	content->sum += big_block_sum(content, block);
	return 0;
}

/* Whether what was loaded is what was saved. */
static bool big_session_is_whole(struct big_session *session, struct big_content *content)
{
	return session->is_ended && session->record.end.sum == content->sum;
}
