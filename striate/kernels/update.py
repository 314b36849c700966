"""The optimisers' updates: one pass over the flat weight buffer, each number read and written once.

The formulas and the order of the scalars stand in `striate.ops.update`. A task is CHUNK elements; element i depends on
element i of each vector alone, so a result may take its input's place.
"""

from math import sqrt

from striate.kernels.lanes import vector_function
from striate.kernels.simd import broadcast, f32, integer, load, store

CHUNK = 4096

_root = vector_function(lambda x: x.root())


def adam_update(lanes):
    """Makes the Adam step: slots 0 w, 1 m, 2 v, 3 scalars, 4 g, 5 new w, 6 new m, 7 new v, 8 elements."""
    def adam_update(a, first, last, scratch):
        w, m, v, s, g = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3), f32(a, 4)
        new_w, new_m, new_v, total = f32(a, 5), f32(a, 6), f32(a, 7), integer(a, 8)
        begin, end = first * 4096, min(last * 4096, total)
        whole = begin + (end - begin) // lanes * lanes
        alpha, beta1, beta2 = broadcast(s[0], lanes), broadcast(s[1], lanes), broadcast(s[2], lanes)
        epsilon, decay, scale = broadcast(s[3], lanes), broadcast(s[4], lanes), broadcast(s[5], lanes)
        for i in range(begin, whole, lanes):
            weight, first_moment, second_moment = load(w, i, lanes), load(m, i, lanes), load(v, i, lanes)
            slope = load(g, i, lanes) * scale
            first_moment = first_moment + (slope - first_moment) * beta1
            second_moment = second_moment + (slope * slope - second_moment) * beta2
            weight = weight - decay * weight
            store(new_w, i, weight - alpha * first_moment / (_root(second_moment) + epsilon))
            store(new_m, i, first_moment)
            store(new_v, i, second_moment)
        for i in range(whole, end):
            slope = g[i] * s[5]
            first_moment = m[i] + (slope - m[i]) * s[1]
            second_moment = v[i] + (slope * slope - v[i]) * s[2]
            weight = w[i] - s[4] * w[i]
            new_w[i] = weight - s[0] * first_moment / (sqrt(second_moment) + s[3])
            new_m[i] = first_moment
            new_v[i] = second_moment
    return adam_update


def sgd_update(lanes, nesterov):
    """Makes the step with momentum: slots 0 w, 1 velocity, 2 scalars, 3 g, 4 new w, 5 new velocity, 6 elements."""
    ahead = nesterov == 1

    def sgd_update(a, first, last, scratch):
        w, v, s, g, new_w, new_v = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3), f32(a, 4), f32(a, 5)
        begin, end = first * 4096, min(last * 4096, integer(a, 6))
        whole = begin + (end - begin) // lanes * lanes
        rate, momentum = broadcast(s[0], lanes), broadcast(s[1], lanes)
        decay, scale = broadcast(s[2], lanes), broadcast(s[3], lanes)
        for i in range(begin, whole, lanes):
            weight, push = load(w, i, lanes), rate * (load(g, i, lanes) * scale)
            speed = momentum * load(v, i, lanes) - push
            weight = weight - decay * weight
            store(new_w, i, weight + (momentum * speed - push) if ahead else weight + speed)
            store(new_v, i, speed)
        for i in range(whole, end):
            push = s[0] * (g[i] * s[3])
            speed = s[1] * v[i] - push
            weight = w[i] - s[2] * w[i]
            new_w[i] = weight + (s[1] * speed - push) if ahead else weight + speed
            new_v[i] = speed
    return sgd_update


def descent(lanes):
    """Makes plain gradient descent: slots 0 w, 1 scalars, 2 g, 3 new w, 4 elements."""
    def descent(a, first, last, scratch):
        w, s, g, new_w = f32(a, 0), f32(a, 1), f32(a, 2), f32(a, 3)
        begin, end = first * 4096, min(last * 4096, integer(a, 4))
        whole = begin + (end - begin) // lanes * lanes
        rate, decay, scale = broadcast(s[0], lanes), broadcast(s[2], lanes), broadcast(s[3], lanes)
        for i in range(begin, whole, lanes):
            weight = load(w, i, lanes)
            store(new_w, i, (weight - decay * weight) - rate * (load(g, i, lanes) * scale))
        for i in range(whole, end):
            new_w[i] = (w[i] - s[2] * w[i]) - s[0] * (g[i] * s[3])
    return descent
