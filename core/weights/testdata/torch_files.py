"""Writes the .bin files of the tests with torch itself (2.11.0).

usage: python torch_files.py

odd.bin   every dtype, transposed and sliced tensors, a scalar, an empty tensor, a parameter, members that are no tensors
old.bin   the format before torch 1.6 (no zip)
evil.bin  a pickle that calls os.system
"""
import os
from collections import OrderedDict
import torch

os.chdir(os.path.dirname(os.path.abspath(__file__)))
lin = torch.arange(60.0).reshape(3, 4, 5)
sd = OrderedDict(
    lin=lin, transposed=lin.transpose(0, 2), sliced=lin[1:, 2], scalar=torch.tensor(3.5), i64=torch.arange(5), empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(lin[0].half()), bf16=lin.bfloat16(), boolean=torch.tensor([True, False]), u8=torch.arange(6, dtype=torch.uint8),
    f64=lin.double(), i8=torch.arange(-3, 3, dtype=torch.int8), text="text", nested={"z": 1.5, "n": None},
)
sd._metadata = OrderedDict({"": {"version": 1}})
torch.save(sd, "odd.bin")
torch.save(OrderedDict(lin=lin), "old.bin", _use_new_zipfile_serialization=False)


class Evil:
    def __reduce__(self):
        return os.system, ("touch pwned",)


torch.save({"lin": lin, "evil": Evil()}, "evil.bin")
