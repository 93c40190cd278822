// jansson, and what Swift cannot import of it: macros and functions with a `static inline` body.
#pragma once

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// json_typeof, a macro.
static inline json_type ferry_json_typeof(const json_t *value) { return json_typeof(value); }

// json_decref, an inline function.
static inline void ferry_json_decref(json_t *value) { json_decref(value); }

// Flags with a cast in their macro: JSON_COMPACT | JSON_ENCODE_ANY, JSON_REJECT_DUPLICATES.
static const size_t ferry_json_compact = JSON_COMPACT | JSON_ENCODE_ANY;
static const size_t ferry_json_reject_duplicates = JSON_REJECT_DUPLICATES;
