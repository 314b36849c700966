"""`striate warmup`: compiles kernels ahead of their first use."""

from __future__ import annotations

import time

import click

from striate.cli import Command

EXAMPLES = """
striate warmup
striate warmup nova lenet5 --batch-size 128
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Compile kernels ahead of their use.")
@click.argument("models", nargs=-1)
@click.option("--batch-size", type=click.IntRange(1), help="Images a step; the model's recipe decides unless given.")
def command(models, batch_size) -> None:
    """Compile the kernels that training MODELS needs (all of the zoo unless given), so that no run waits for them."""
    import numpy as np
    from rich.console import Console

    from striate import zoo
    from striate.cli import machine, networks
    from striate.cli.forecast import probe
    from striate.cli.terminal import duration, say

    console, started = Console(), time.perf_counter()
    for name in models or zoo.names():
        recipe = networks.recipe(name, batch_size=batch_size)
        model = networks.compiled(networks.build(name), recipe, recipe.batch_size)
        images = np.zeros((recipe.batch_size, *model.input_shape[1:]), np.uint8)
        say(console, "Model", f"{name} in batches of {recipe.batch_size}")
        probe(model, images, np.zeros(recipe.batch_size, np.int32), recipe.batch_size, console)
    cache = machine.kernel_cache()
    say(console, "Done", f"{cache['compiled']} kernels ready in {cache['folder']} after "
                         f"{duration(time.perf_counter() - started)}.")
