"""Start llama-cpp-python's server; arguments are its own.

One thing is made faster. For every token that log-probabilities are asked for,
the server sorts its whole vocabulary in Python to show the likeliest few,
which takes several times as long as the model. Here it picks the likeliest by
a heap instead, with the same result.
"""

import heapq
import runpy

import llama_cpp.llama

MOST = 32  # more than any caller asks for


def likeliest(pairs, *, reverse):
    assert reverse
    return heapq.nlargest(MOST, pairs)


llama_cpp.llama.sorted = likeliest  # the module's three uses of sorted are all for this
runpy.run_module("llama_cpp.server", run_name="__main__")
