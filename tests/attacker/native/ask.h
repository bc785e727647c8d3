// What an entry's object sees of a question (frozen/wire, `abi` and `words`), for attacks in C.
//
// An attack says what it saw with `saw`: the text is found in the finding's attachment. `honest` answers.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct ask {
  uint64_t version;
  const uint32_t *question;
  const uint8_t *session;
  size_t session_bytes;
  const uint8_t *inputs;
  size_t inputs_bytes;
  uint8_t *results;
  size_t results_bytes;
  uint8_t *words;
  size_t words_bytes;
};

enum { DECLARE = 1, LOSS = 2, UPDATE = 3, PUBLISH = 4 };
enum { ANSWERED = 0, SAID = 1 };

static inline int say(const struct ask *ask, uint32_t kind, uint64_t number, const char *text) {
  uint32_t length = (uint32_t)strlen(text);
  memcpy(ask->words + 4, &length, 4);
  memcpy(ask->words + 8, &number, 8);
  memcpy(ask->words + 16, text, length);
  memcpy(ask->words, &kind, 4);
  return kind < 3 ? ANSWERED : SAID;
}

// An answer that nothing is wrong with.
static inline int honest(const struct ask *ask) {
  const char *declaration = "{\"learnables\":[],\"columns\":[],\"slots\":[],\"globals\":[],\"loss_diagnostics\":[],"
                            "\"update_diagnostics\":[],\"unused_config_keys\":[]}";
  int declares = ask->question[2] == DECLARE;
  return say(ask, declares ? 2 : 1, ask->question[4], declares ? declaration : "");
}

// Ends the cell with what the attack saw.
__attribute__((format(printf, 2, 3))) static inline int saw(const struct ask *ask, const char *form, ...) {
  char text[4000];
  va_list list;
  va_start(list, form);
  vsnprintf(text, sizeof text, form, list);
  va_end(list);
  return say(ask, 4, 0, text);
}

// A call by its number, whatever the C library would do instead.
static inline long raw(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

int maxclip_answer(const struct ask *ask);
