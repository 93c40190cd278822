// The image of a simulated device that was never dirtied: the bytes that ferry streams, made by
// the same generator at the same cost, so that a peer has the same source and the same sink.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { image_block = 4096, image_stop_copy_bytes = 1 << 20, image_margin = 64 };
// What a peer reads, sends, receives and writes at a time.
enum { image_buffer = 1 << 20 };

struct image {
    uint64_t initial_bytes;
    uint64_t blocks;
    // The place of the next piece: header, blocks, header, blocks.
    uint64_t next;
    // The piece that is being taken or compared, and how much of it is done.
    size_t length;
    size_t done;
    _Alignas(64) unsigned char piece[image_block];
};

// Begins an image whose first section has so many bytes; its seed is 1.
void image_begin(struct image *image, uint64_t initial_bytes);

// What read(2) on the data fd does: the next bytes, fewer than asked only at the end.
size_t image_read(struct image *image, unsigned char *buffer, size_t count);

// What write(2) on the data fd does: compares with the bytes that must come; false if they differ.
bool image_write(struct image *image, const unsigned char *buffer, size_t count);

// The bytes of the whole image.
uint64_t image_length(uint64_t initial_bytes);

// A buffer for a peer: a little behind the start of a page, as ferry's are, since copies are
// several times slower where source and destination are a few bytes off the same place in a page.
unsigned char *image_new_buffer(void);
