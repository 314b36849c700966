"""`striate launch`: a command on several processes or machines, begun again when one of them is lost."""

from __future__ import annotations

import click

from striate.cli import Command

EXAMPLES = """
striate launch -n 4 -- train fashion-mnist --model uva --shards 4
striate launch -n 8 --hosts node1,node2 --retries 3 -- train fashion-mnist --shards 8
striate launch -n 4 --retries 3 --retry-ranks 3 -- train --resume runs/fashion-mnist-0001
striate launch -n 4 --retries 3 -- tune fashion-mnist --method optuna --trials 40
striate launch -n 5 -- folds fashion-mnist --folds 5
"""
_NAMES = {"train": "", "tune": "tune-", "folds": "folds-"}
"""What stands before the data's name in the name of a command's folder."""


@click.command(cls=Command, examples=EXAMPLES, short_help="Train on several processes or machines.",
               context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-n", "--ranks", type=click.IntRange(1), required=True, help="Processes to start.")
@click.option("--hosts", metavar="A,B,...", help="Machines to start them on; this one unless given.")
@click.option("--retries", type=click.IntRange(0), default=0, show_default=True,
              help="How often to begin again, from the last saved state, when a process is lost.")
@click.option("--retry-ranks", type=click.IntRange(1), metavar="N",
              help="Processes of further attempts, if not as many.")
@click.option("--mpiexec", metavar="PROGRAM", help="The mpiexec to use, with options of its own if need be.")
@click.argument("words", nargs=-1, metavar="-- COMMAND [OPTIONS]...", type=click.UNPROCESSED)
@click.pass_context
def command(context, ranks, hosts, retries, retry_ranks, mpiexec, words) -> None:
    """Run a striate COMMAND (train, evaluate, run, tune, folds) on several processes that share its work.

    The weights depend on the number of shards, not on the number of processes: 1, 2 or 4 give the same bits. A process
    that dies, hangs or is cut off from the network ends the job within seconds. Needs the extra `dist`; plain
    `mpiexec -n 4 striate train ...` and `srun --mpi=pmi2 striate train ...` do the same without the retries.
    The exit code is that of the last attempt; 75 when a process was lost.
    """
    from striate import config
    from striate.cli.run_folder import RunFolder
    from striate.parallel.launch import Job, refuse, run_folder

    refuse(words)
    if words[0] in _NAMES and len(words) > 1 and run_folder(words) is None:
        # Further attempts go on in the folder of the first one.
        words = (*words, "--out", str(RunFolder.create(config.value("runs"), _NAMES[words[0]] + words[1]).path))
    job = Job(words, ranks, hosts, retries, retry_ranks, mpiexec, say=lambda text: click.echo(text, err=True))
    context.exit(job.run())
