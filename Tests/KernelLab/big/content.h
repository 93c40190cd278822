/*
 * The state that mtty_big adds to a device: blocks of memory, made from a seed and changed by a
 * series of writes, so that the seed and the number of writes say what every byte has to be.
 */
#define BIG_BLOCK 4096
#define BIG_WORDS (BIG_BLOCK / sizeof(u64))
#define BIG_STEP 0x9e3779b97f4a7c15ULL
/* Three series of numbers from one seed: first contents, later contents, and what is overwritten. */
#define BIG_CONTENTS 0ULL
#define BIG_WRITES (1ULL << 40)
#define BIG_PLACES (2ULL << 40)

struct big_content {
	u64 *words;
	unsigned long blocks;
	u64 seed;
	u64 writes;
	/* The sum of all blocks' sums; kept up to date by every change. */
	u64 sum;
	/* When the writes up to now were made, in nanoseconds. */
	u64 clock;
};

/* The finalizer of splitmix64. */
static u64 big_mix(u64 value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
	return value ^ (value >> 31);
}

static u64 *big_block(struct big_content *content, unsigned long block)
{
	return content->words + block * BIG_WORDS;
}

/* What a block adds to the sum; the same bytes in another place add something else. */
static u64 big_block_sum(struct big_content *content, unsigned long block)
{
	const u64 *words = big_block(content, block);
	u64 sum = big_mix(block + 1);
	int word;

	for (word = 0; word < BIG_WORDS; word++) {
		sum = (sum ^ words[word]) * BIG_STEP;
		sum ^= sum >> 32;
	}
	return sum;
}

static u64 big_whole_sum(struct big_content *content)
{
	unsigned long block;
	u64 sum = 0;

	for (block = 0; block < content->blocks; block++) {
		sum += big_block_sum(content, block);
		cond_resched();
	}
	return sum;
}

/* Fills a block with the contents of this number. */
static void big_fill(struct big_content *content, unsigned long block, u64 number)
{
	u64 *words = big_block(content, block);
	u64 key = big_mix(content->seed + number * BIG_STEP);
	int word;

	for (word = 0; word < BIG_WORDS; word++)
		words[word] = big_mix(key + word * BIG_STEP);
}

/* Begins anew: as many blocks, made from this seed. */
static int big_renew(struct big_content *content, unsigned long blocks, u64 seed)
{
	unsigned long block;

	if (blocks != content->blocks) {
		vfree(content->words);
		content->blocks = 0;
		content->words = vmalloc(blocks * BIG_BLOCK);
		if (!content->words)
			return -ENOMEM;
		content->blocks = blocks;
	}
	content->seed = seed;
	content->writes = 0;
	for (block = 0; block < blocks; block++) {
		big_fill(content, block, BIG_CONTENTS + block);
		cond_resched();
	}
	content->sum = big_whole_sum(content);
	content->clock = ktime_get_ns();
	return 0;
}

/* Makes the next write; answers the block that it changed. */
static unsigned long big_write_next(struct big_content *content)
{
	u64 number = content->writes++;
	unsigned long block =
		big_mix(content->seed + (BIG_PLACES + number) * BIG_STEP) % content->blocks;

	content->sum -= big_block_sum(content, block);
	big_fill(content, block, BIG_WRITES + number);
	content->sum += big_block_sum(content, block);
	return block;
}

/* How many writes a device at this rate has to make now; it never has to catch up with more than all. */
static unsigned long big_writes_due(struct big_content *content, unsigned int megabytes_per_second)
{
	u64 now = ktime_get_ns(), due = 0;

	if (megabytes_per_second) {
		u64 pause = max_t(u64, 1, NSEC_PER_SEC / 256 / megabytes_per_second);

		due = (now - content->clock) / pause;
		if (due <= content->blocks) {
			content->clock += due * pause;
			return due;
		}
		due = content->blocks;
	}
	content->clock = now;
	return due;
}
