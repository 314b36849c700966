"""The instructions of the chain interpreter and the layout of its tables: what a plan needs to know, without Numba."""

BLOCK = 512
"""Elements a block: 2 KB a register, so that a dozen registers stay in a 32 KB first-level cache."""
REGISTERS = 64
"""Registers a chain may use."""
RANK = 6
"""Axes that a broadcast input may have after axes that go together are joined."""
TENSOR = 5 + 2 * RANK
"""Slots of a tensor's row: kind, mode, register, rank, period, lengths, strides."""
INSTRUCTION = 6
"""Slots of an instruction: formula, three operand registers, result register, two float32 constants in one word."""
FLOAT32, INT32, UINT8 = 0, 1, 2
WHOLE, SAME, BROADCAST = 0, 1, 2
"""Modes of an input: used where it lies; the same numbers in every block; loaded block by block."""

_BY_OPERANDS = {
    "ff": "add subtract multiply divide power maximum minimum arctan2 relu_grad greater greater_equal less "
         "less_equal equal not_equal",
    "f12": "clip",
    "f": "negative absolute sign square floor ceil trunc rint sqrt rsqrt reciprocal relu isfinite isinf isnan "
         "exp exp2 expm1 log log1p log2 log10 sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh "
         "arctanh erf sigmoid softplus to_int truth",
    "ii": "add_int subtract_int multiply_int maximum_int minimum_int greater_int greater_equal_int less_int "
         "less_equal_int equal_int not_equal_int logical_and logical_or logical_xor",
    "i": "negative_int absolute_int logical_not to_float to_byte truth_int",
    "iii": "where",
}
"""Which operands instructions take: f float32, i int32, 1 and 2 the instruction's own constants."""
OPERANDS = {name: operands for operands, names in _BY_OPERANDS.items() for name in names.split()}
OPCODES = {name: code for code, name in enumerate(OPERANDS)}
