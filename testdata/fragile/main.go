// Command fragile is a worker whose parser is in C, and breaks of some files: it shows what
// becomes of that where it is confined.
package main

/*
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// parse does what the file says, as a parser with a hole would; a good file has its lines counted.
static long parse(const char *p, size_t n) {
	char word[5] = {0};
	memcpy(word, p, n < 4 ? n : 4);
	if (!strcmp(word, "SEGV")) {
		*(volatile int *)8 = 1;
	} else if (!strcmp(word, "ABRT")) {
		abort();
	} else if (!strcmp(word, "SPIN")) {
		for (volatile int i = 0;; i++) {}
	} else if (!strcmp(word, "EATS")) {
		for (;;) {
			char *more = malloc(1 << 20);
			if (!more) {
				fputs("runtime: out of memory: malloc\n", stderr);
				exit(2);
			}
			memset(more, 1, 1 << 20);
		}
	} else if (!strcmp(word, "TALK")) {
		for (;;) puts("and so on");
	} else if (!strcmp(word, "EXIT")) {
		exit(3);
	} else if (!strcmp(word, "KEYS")) {
		syscall(SYS_keyctl, 0, 0); // no harmless parser does
	}
	long lines = 0;
	for (size_t i = 0; i < n; i++) lines += p[i] == '\n';
	return lines;
}
*/
import "C"

import (
	"context"
	"unsafe"

	"github.com/outwork-go/outwork"
)

var _ = outwork.Func("corpus.parse", func(_ context.Context, file []byte) (int, error) {
	if len(file) == 0 {
		return 0, nil
	}
	return int(C.parse((*C.char)(unsafe.Pointer(&file[0])), C.size_t(len(file)))), nil
})

func main() { outwork.Main() }
