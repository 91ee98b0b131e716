//go:build torch

#define VL 4
#define MR 4
#define NV 2
#define OPS ke_rowops_plain
#include "encoder_rows.h"
