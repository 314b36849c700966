"""exp, log, sine, tanh, erf and their kin on vectors: own polynomials, so that no result depends on a system's libm.

Each function takes and gives `Lanes` of float32. Errors are at most 4 units in the last place, which
tests/kernels/test_elementwise.py measures over each domain. The polynomials are weighted least-squares fits
towards equal ripple, in powers of the argument from low to high.
"""

import math

_LN2 = math.log(2.0)
_LN2_HIGH, _LN2_LOW = 0.693145751953125, 1.42860682030941723212e-6
_EXP = (0.5000000013542758, 0.16666666756938991, 0.04166646417065472, 0.008333285838866797, 0.0013933732938849635,
        0.00019907702415279107)
"""(exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2."""
_LOG = (0.3333333120357812, -0.2499998043234511, 0.20000701497671103, -0.16669227408570955, 0.1425071256221913,
        -0.12394641807716539, 0.11637444803945168, -0.11676088696402563, 0.07344250444579103)
"""(log(1 + f) - f + f^2 / 2) / f^3 for 1 + f between sqrt(1/2) and sqrt(2)."""
_ATAN = (-0.3333330186457176, 0.19998638552665945, -0.14265244599916194, 0.10957571857985315, -0.08419445984416593,
         0.05823432039348597, -0.03145546942305858, 0.011064315195996257, -0.0018271846877133465)
"""(atan(x) / x - 1) / x^2 in powers of x^2, for x up to 1."""
_SIN = (-0.16666666663849602, 0.008333331871965801, -0.00019840085078346638, 2.7249695871308675e-06)
"""(sin(r) / r - 1) / r^2 in powers of r^2, for |r| <= pi / 4."""
_COS = (0.04166666666431583, -0.0013888887669534131, 2.4800598911667316e-05, -2.730075842801354e-07)
"""(cos(r) - 1 + r^2 / 2) / r^4 in powers of r^2, for |r| <= pi / 4."""
_QUARTER_HIGH, _QUARTER_LOW = 1.5707963267341256, 6.077100506506192e-11
"""pi / 2 as two numbers, the first of 33 bits: whole numbers below 2^20 times it are exact in float64."""
_TWO_BY_PI = 0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe51
"""2 / pi times 2^208."""
_PIECES = tuple(float(_TWO_BY_PI >> (208 - low) & (2 ** 29 - 1)) / 2.0 ** low for low in range(29, 208, 29))
"""2 / pi as a sum of numbers of 29 bits: each times a float32 is exact in float64."""
_ERF = (1.128379167063159, -0.3761263848382146, 0.11283782747347815, -0.026865445827812057, 0.005221074891499453,
        -0.0008484711594110305, 0.00011270545270233368, -9.680138039858602e-06)
"""erf(x) / x in powers of x^2, for |x| <= 1."""
_LOG_ERFC = (0.0001044039778239636, -1.1290866601971343, -0.6344833390164628, -0.10655812402616022,
             0.023478907946877663, -0.003152829842778041, 2.3049820246731623e-05, 8.3173300800994e-05,
             -1.5030148298607813e-05, 9.382330961916282e-07)
"""log(1 - erf(x)) for x between 0.95 and 4."""
_EXP_DOUBLE = (1.0000000000000175, 1.0000000000000009, 0.499999999993983, 0.16666666666579158, 0.04166666705208637,
               0.008333333382836275, 0.0013888800500109473, 0.00019841168498966195, 2.4884918154537443e-05,
               2.764250811614693e-06)
"""exp(r) for |r| <= ln(2) / 2, in float64."""
_LOG_DOUBLE = (2.0000000000000004, 0.6666666666681603, 0.39999999982525725, 0.28571425316278515, 0.22222905087169953,
               0.18136334765481696, 0.1668912602248554)
"""log((1 + s) / (1 - s)) / s in powers of s^2, for |s| <= 0.1716, in float64."""


def _power_of_two(n):
    """2^n for int32 n between -126 and 127."""
    return ((n + 127) << 23).as_real()


def _between(x, low, high):
    """x kept between two numbers; a NaN becomes `high`."""
    x = (x < high).choose(x, x.constant(high))
    return (x > low).choose(x, x.constant(low))


_MAGIC = 1.5 * 2.0 ** 23
"""Added to a small float32 it leaves the nearest whole number in the low bits."""


def _reduced(x):
    """n (as int32) and r with x = n * ln(2) + r, |r| <= ln(2) / 2; |x| below 2^20."""
    shifted = x.times_plus(1.0 / _LN2, _MAGIC)
    n = shifted - _MAGIC
    r = n.times_plus(-_LN2_LOW, n.times_plus(-_LN2_HIGH, x))
    return shifted.bits() - x.constant(_MAGIC).bits(), r


def exp(x):
    """e to the power x."""
    n, r = _reduced(_between(x, -104.0, 89.0))
    y = (r * r).times_plus(r.polynomial(_EXP), r) + 1.0
    half = n >> 1
    y = y * _power_of_two(half) * _power_of_two(n - half)
    return x.is_nan().choose(x, y)


def exp2(x):
    """2 to the power x."""
    y = _exp_double(_between(x, -160.0, 130.0).to_float64() * _LN2).to_float32()
    return x.is_nan().choose(x, y)


def expm1(x):
    """exp(x) - 1."""
    n, r = _reduced(_between(x, -18.0, 89.0))
    p = (r * r).times_plus(r.polynomial(_EXP), r)
    scale = _power_of_two(n - 1)
    y = scale.times_plus(p, scale - 0.5) * 2.0
    y = n.equals(0).choose(p, y)
    return x.is_nan().choose(x, y)


def _log_parts(x):
    """The exponent e (float32) and f with x = 2^e (1 + f), for positive normal finite x."""
    shifted = x.bits() - 0x3F3504F3
    e = shifted >> 23
    mantissa = (x.bits() - (e << 23)).as_real()
    return e.to_float32(), mantissa - 1.0


def _log_of_mantissa(f):
    square = f * f
    return (f * square).times_plus(f.polynomial(_LOG), square.times_plus(-0.5, f))


def _log_limits(x, y):
    """log's values at 0, infinity, NaN and below 0."""
    infinite = x.constant(math.inf)
    y = x.equals(infinite).choose(infinite, y)
    y = x.equals(0.0).choose(-infinite, y)
    return (x >= 0.0).choose(y, math.nan)


def log(x):
    """The natural logarithm."""
    e, f = _log_parts(x)
    square = f * f
    low = (f * square).times_plus(f.polynomial(_LOG), e * _LN2_LOW)
    y = e.times_plus(_LN2_HIGH, f + square.times_plus(-0.5, low))
    return _log_limits(x, y)


def log2(x):
    """The logarithm to base 2, exact for powers of 2."""
    e, f = _log_parts(x)
    return _log_limits(x, _log_of_mantissa(f).times_plus(1.0 / _LN2, e))


def log10(x):
    """The logarithm to base 10."""
    return _log_limits(x, (_log_double(x.to_float64()) * (1.0 / math.log(10.0))).to_float32())


def log1p(x):
    """log(1 + x)."""
    total = x + 1.0
    lost = (x - (total - 1.0)) / total
    y = log(total) + lost
    y = x.equals(math.inf).choose(x, y)
    return x.equals(-1.0).choose(-math.inf, y)


def tanh(x):
    """The hyperbolic tangent."""
    t = expm1(_between(x.absolute(), 0.0, 10.0) * 2.0)
    y = (t / (t + 2.0)).with_sign_of(x)
    return x.is_nan().choose(x, y)


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (exp(-x) + 1.0)


def softplus(x):
    """log(1 + exp(x))."""
    return x.larger(0.0) + log1p(exp(-x.absolute()))


def sinh(x):
    """The hyperbolic sine."""
    size = x.absolute()
    e = exp(size * 0.5)
    large = (e * 0.5) * e - 0.5 / (e * e)
    t = expm1(_between(size, 0.0, 2.0))
    small = (t + t / (t + 1.0)) * 0.5
    return (size < 1.0).choose(small, large).with_sign_of(x)


def cosh(x):
    """The hyperbolic cosine."""
    e = exp(x.absolute() * 0.5)
    return (e * 0.5) * e + 0.5 / (e * e)


def erf(x):
    """The error function."""
    size = x.absolute()
    near = size * (size * size).polynomial(_ERF)
    far = 1.0 - exp(_between(size, 0.0, 4.0).polynomial(_LOG_ERFC))
    y = (size < 1.0).choose(near, far)
    return x.is_nan().choose(x, y.with_sign_of(x))


def _many_turns(wide):
    """`wide` (float32 numbers in float64, however large) as whole quarter turns, modulo 4 each time, and their rest.

    Whole turns of every product go at once, and exactly; what is left are the bits around the point.
    """
    turns = rest = wide.constant(0.0)
    for piece in _PIECES:
        part = wide * piece
        part = part - (part * 0.25).nearest() * 4.0
        rest = rest + (part - part.nearest())
        turns = turns + part.nearest() + rest.nearest()
        rest = rest - rest.nearest()
    return turns, rest * (math.pi / 2)


def _quarter_turns(x):
    """The quadrant (int32) and the rest r of x in float32, |r| <= pi / 4; reduced in float64."""
    wide = x.to_float64()
    turns = (wide * (2.0 / math.pi)).nearest()
    rest = (wide - turns * _QUARTER_HIGH) - turns * _QUARTER_LOW
    turns, rest = (wide.absolute() >= 2.0 ** 20).rarely(lambda: _many_turns(wide), (turns, rest))
    quadrant = turns - (turns * 0.25).floor() * 4.0
    return quadrant.to_float32().to_int32(), rest.to_float32()


def _sine_cosine(r):
    square = r * r
    sine = (square * r).times_plus(square.polynomial(_SIN), r)
    cosine = (square * square).times_plus(square.polynomial(_COS), square.times_plus(-0.5, 1.0))
    return sine, cosine


def sin(x):
    """The sine."""
    quadrant, r = _quarter_turns(x)
    sine, cosine = _sine_cosine(r)
    y = (quadrant & 1).equals(1).choose(cosine, sine)
    return (quadrant > 1).choose(-y, y)


def cos(x):
    """The cosine."""
    quadrant, r = _quarter_turns(x)
    sine, cosine = _sine_cosine(r)
    y = (quadrant & 1).equals(1).choose(sine, cosine)
    return ((quadrant + 1) & 2).equals(2).choose(-y, y)


def tan(x):
    """The tangent."""
    quadrant, r = _quarter_turns(x)
    sine, cosine = _sine_cosine(r)
    odd = (quadrant & 1).equals(1)
    return odd.choose(-cosine, sine) / odd.choose(sine, cosine)


def _atan_to_one(x):
    square = x * x
    return (x * square).times_plus(square.polynomial(_ATAN), x)


def arctan(x):
    """The inverse of tan, between -pi/2 and pi/2."""
    size = x.absolute()
    far = size > 1.0
    part = _atan_to_one(far.choose(1.0 / size, size))
    return far.choose(math.pi / 2 - part, part).with_sign_of(x)


def arcsin(x):
    """The inverse of sin."""
    return arctan(x / ((1.0 - x) * (x + 1.0)).root())


def arccos(x):
    """The inverse of cos."""
    return arctan(((1.0 - x) / (x + 1.0)).root()) * 2.0


def arctan2(y, x):
    """The angle of the point (x, y)."""
    long, wide = x.absolute(), y.absolute()
    steep = wide > long
    ratio = steep.choose(long, wide) / steep.choose(wide, long)
    ratio = (wide.equals(long)).choose(wide.equals(0.0).choose(0.0, wide.constant(1.0)), ratio)
    angle = _atan_to_one(ratio)
    angle = steep.choose(math.pi / 2 - angle, angle)
    left = x.bits() < 0
    angle = left.choose(math.pi - angle, angle)
    return (x.is_nan() | y.is_nan()).choose(math.nan, angle.with_sign_of(y))


def arcsinh(x):
    """The inverse of sinh."""
    size = x.absolute()
    square = size * size
    near = log1p(size + square / ((square + 1.0).root() + 1.0))
    return (size < 1e9).choose(near, log(size) + _LN2).with_sign_of(x)


def arccosh(x):
    """The inverse of cosh; NaN below 1."""
    t = x - 1.0
    near = log1p(t + (t * t + t * 2.0).root())
    y = (x < 1e9).choose(near, log(x) + _LN2)
    return (x >= 1.0).choose(y, math.nan)


def arctanh(x):
    """The inverse of tanh; NaN outside -1 to 1."""
    size = x.absolute()
    return (log1p(size * 2.0 / (1.0 - size)) * 0.5).with_sign_of(x)


def _log_double(x):
    """log of positive finite float64 lanes that float32 can hold."""
    shifted = x.bits() - 0x3FE6A09E667F3BCD
    e = shifted >> 52
    mantissa = (x.bits() - (e << 52)).as_real()
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return e.to_float64() * _LN2 + s * (s * s).polynomial(_LOG_DOUBLE)


def _exp_double(x):
    """exp of float64 lanes between -150 and 150."""
    n = (x * (1.0 / _LN2)).nearest()
    r = x - n * _LN2
    return r.polynomial(_EXP_DOUBLE) * ((n.to_int64() + 1023) << 52).as_real()


def power(x, y):
    """x to the power y, computed in float64 between; a negative x needs a whole y."""
    size = x.absolute()
    infinite = x.constant(math.inf)
    exponent = _log_double(size.to_float64()) * y.to_float64()
    z = _exp_double(_between(exponent, -140.0, 140.0)).to_float32()
    rising = ((size > 1.0) & (y > 0.0)) | ((size < 1.0) & (y < 0.0))
    edge = size.equals(0.0) | size.equals(infinite) | y.absolute().equals(infinite)
    z = edge.choose(rising.choose(infinite, 0.0), z)
    whole = y.nearest().equals(y)
    odd = whole & (y * 0.5).nearest().differs(y * 0.5)
    z = ((x.bits() < 0) & odd).choose(-z, z)
    z = ((x < 0.0) & ~whole & size.differs(infinite)).choose(math.nan, z)
    z = (x.is_nan() | y.is_nan()).choose(math.nan, z)
    return (y.equals(0.0) | x.equals(1.0) | (size.equals(1.0) & y.absolute().equals(infinite))).choose(1.0, z)
