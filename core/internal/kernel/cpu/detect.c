//go:build torch

// Linux gives the tile registers only to processes that ask: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA),
// once, for all its threads (Documentation/arch/x86/xstate.rst).
#define _GNU_SOURCE
#include "detect.h"
#include <pthread.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <stdint.h>
#include <sys/syscall.h>
#endif

static kc_features found;
static int lowered = -1, narrow;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#if defined(__x86_64__)
static uint64_t xcr0(void) {
  uint32_t lo, hi;
  __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return (uint64_t)hi << 32 | lo;
}

static void look(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return; // OSXSAVE
  int fma = c >> 12 & 1, f16c = c >> 29 & 1;
  uint64_t x = xcr0();
  if ((x & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
  unsigned leaves = a;
  found.avx2 = (b >> 5 & 1) && fma && f16c;
  int zmm = (x & 0xe6) == 0xe6;
  found.avx512 = found.avx2 && zmm && (b >> 16 & 1) && (b >> 17 & 1) && (b >> 30 & 1) && (b >> 31 & 1);
  found.vnni = found.avx512 && (c >> 11 & 1);
  found.vbmi = found.avx512 && (c >> 1 & 1);
  int tile = (d >> 24 & 1) && (d >> 22 & 1) && (d >> 25 & 1);
  if (leaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
    found.avxvnni = found.avx2 && (a >> 4 & 1);
    found.bf16 = found.avx512 && (a >> 5 & 1);
  }
  const int arch_req_xcomp_perm = 0x1023, xfeature_xtiledata = 18;
  if (tile && found.vnni && found.bf16 && (x >> 17 & 3) == 3)
    found.amx = syscall(SYS_arch_prctl, arch_req_xcomp_perm, xfeature_xtiledata) == 0;
}
#else
static void look(void) {}
#endif

kc_features kc_detect(void) {
  pthread_once(&once, look);
  kc_features f = found;
  f.vbmi &= !narrow;
  return f;
}

int kc_set(void) {
  kc_features f = kc_detect();
  int set = f.amx ? KC_AMX : f.vnni ? KC_VNNI : f.avx2 ? KC_AVX2 : KC_PLAIN;
  return lowered >= 0 && lowered < set ? lowered : set;
}

void kc_lower(int set) { lowered = set; }

void kc_without_vbmi(int without) { narrow = without; }
