#include "image.h"

#include <stdlib.h>
#include <string.h>

typedef uint64_t lanes __attribute__((vector_size(64)));

enum { header_bytes = 64, header_words = 8 };
static const uint64_t seed = 1;
static const uint64_t image_magic = 0x4d49535952524546;
static const uint64_t stop_copy_magic = 0x504f545359525246;

static uint64_t mixed(uint64_t number) {
    uint64_t z = number + 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t mixed_all(const uint64_t *numbers, size_t count) {
    uint64_t all = 0;
    for (size_t i = 0; i < count; i++) all = mixed(all ^ mixed(numbers[i]));
    return all;
}

// Every block is a whole number of strides, but for the last one of a section.
static void fill(struct image *image, size_t length, uint64_t key) {
    lanes state;
    for (int i = 0; i < 8; i++) state[i] = mixed(key + (uint64_t)i * 0x9e3779b97f4a7c15) | 1;
    for (size_t offset = 0; offset < length; offset += sizeof state) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(image->piece + offset, &state, sizeof state);
    }
    image->length = length;
}

static void put_header(struct image *image, const uint64_t *numbers, size_t count) {
    uint64_t words[header_words] = {0};
    memcpy(words, numbers, count * sizeof *numbers);
    words[header_words - 1] = mixed_all(words, header_words - 1);
    memcpy(image->piece, words, sizeof words);
    image->length = sizeof words;
}

static size_t block_length(uint64_t section, uint64_t number) {
    uint64_t left = section - header_bytes - number * image_block;
    return left < image_block ? left : image_block;
}

static bool make_piece(struct image *image) {
    const uint64_t last = (image_stop_copy_bytes - header_bytes + image_block - 1) / image_block;
    uint64_t number = image->next++;
    // At the end nothing is left, however often one asks.
    image->length = image->done = 0;
    if (number == 0) {
        put_header(image,
                   (uint64_t[]){image_magic, seed, image->initial_bytes, image_stop_copy_bytes,
                                image->blocks, 0},
                   6);
        return true;
    }
    if (--number < image->blocks) {
        uint64_t key = mixed_all((uint64_t[]){seed, number}, 2);
        fill(image, block_length(image->initial_bytes, number), key);
        return true;
    }
    number -= image->blocks;
    if (number == 0) {
        put_header(image, (uint64_t[]){stop_copy_magic, image->blocks}, 2);
        return true;
    }
    if (--number >= last) return false;
    uint64_t key = mixed_all((uint64_t[]){seed, image->blocks, number, 0x53544f50}, 4);
    fill(image, block_length(image_stop_copy_bytes, number), key);
    return true;
}

void image_begin(struct image *image, uint64_t initial_bytes) {
    image->initial_bytes = initial_bytes;
    image->blocks = (initial_bytes - header_bytes + image_block - 1) / image_block;
    image->next = 0;
    image->length = image->done = 0;
}

// The next bytes of the present piece, at most so many; NULL at the end of the image.
static const unsigned char *take(struct image *image, size_t *count) {
    if (image->done == image->length && !make_piece(image)) return NULL;
    if (*count > image->length - image->done) *count = image->length - image->done;
    const unsigned char *bytes = image->piece + image->done;
    image->done += *count;
    return bytes;
}

size_t image_read(struct image *image, unsigned char *buffer, size_t count) {
    size_t done = 0;
    while (done < count) {
        size_t length = count - done;
        const unsigned char *bytes = take(image, &length);
        if (bytes == NULL) break;
        memcpy(buffer + done, bytes, length);
        done += length;
    }
    return done;
}

bool image_write(struct image *image, const unsigned char *buffer, size_t count) {
    for (size_t done = 0; done < count;) {
        size_t length = count - done;
        const unsigned char *bytes = take(image, &length);
        if (bytes == NULL || memcmp(buffer + done, bytes, length) != 0) return false;
        done += length;
    }
    return true;
}

uint64_t image_length(uint64_t initial_bytes) {
    return initial_bytes + image_stop_copy_bytes;
}

unsigned char *image_new_buffer(void) {
    unsigned char *pages = aligned_alloc(image_block, image_buffer + image_block);
    if (pages == NULL) abort();
    memset(pages, 0, image_buffer + image_block);
    return pages + image_margin;
}
