"""Spark applications of different shapes, whose tasks only sleep.

Arguments: a shape, and what it is made of as name=value. The seconds of a task depend on its stage and
partition alone, so that each run does the same. With `until`, the tasks of one stage also wait for
this file to exist, or, in `gated`, the driver does.
"""

import os
import sys
import time

from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import IntegerType


def between(low, high, stage, partition):
    """The seconds of a task, spread evenly between two numbers."""
    return low + (high - low) * ((partition * 61 + stage * 17) % 100) / 100


def wait(until):
    """Waits for a file, if there is the name of one."""
    while until and not os.path.exists(until):
        time.sleep(0.2)


def sleeping(seconds_of, until=""):
    """A function of partitions that sleeps, and yields pairs for the next stage."""

    def sleep(partition, items):
        for _ in items:
            pass
        time.sleep(seconds_of(partition))
        wait(until)
        return ((key, partition) for key in range(200))

    return sleep


def first_stage(context, tasks, seconds_of):
    return context.parallelize(range(tasks), tasks).mapPartitionsWithIndex(sleeping(seconds_of))


def next_stage(pairs, tasks, seconds_of, until=""):
    """A stage that reads the shuffled output of another."""
    return pairs.partitionBy(tasks).mapPartitionsWithIndex(sleeping(seconds_of, until))


def wide_narrow(context, wide=80, low=15, high=25, narrow=4, narrow_s=20, last=40, last_s=10, until=""):
    """A wide stage, a narrow one that leaves most executors without tasks, and another wide one."""
    pairs = first_stage(context, wide, lambda partition: between(low, high, 0, partition))
    pairs = next_stage(pairs, narrow, lambda _: narrow_s, until)
    next_stage(pairs, last, lambda _: last_s).count()


def skewed(context, first=32, second=16, third=12, task_s=10, slow_s=90, until=""):
    """Three stages, of which the first has a task that takes much longer than the others."""

    def with_slow(slow):
        return lambda partition: slow_s if partition == slow else between(task_s - 2, task_s + 2, 0, partition)

    pairs = first_stage(context, first, with_slow(1))
    pairs = next_stage(pairs, second, with_slow(None))
    next_stage(pairs, third, with_slow(None), until).count()


def short_tasks(context, tasks=100, task_s=5):
    """One stage of many short tasks."""
    first_stage(context, tasks, lambda partition: between(task_s - 1, task_s + 1, 0, partition)).count()


def gated(context, tasks=100, task_s=5, until=""):
    """One stage of many short tasks, once a file exists. Until then the driver runs, and needs nothing."""
    wait(until)
    short_tasks(context, tasks, task_s)


def read_again(context, wide=20, wide_s=3, parts=6, narrow=2, last=4, last_s=1, until=""):
    """A wide stage, a narrow one that reads all its output, and a last one that reads the output of both."""
    output = first_stage(context, wide, lambda _: wide_s).partitionBy(parts)
    narrowed = output.coalesce(narrow).mapPartitionsWithIndex(sleeping(lambda _: 0, until))
    both = output.union(narrowed.partitionBy(last))
    both.mapPartitionsWithIndex(sleeping(lambda _: last_s)).count()


def notebook(context, cells=4, tasks=10, task_s=6, pause_s=40):
    """Small jobs with the pauses of someone who reads results and types."""
    for cell in range(cells):
        if cell > 0:
            time.sleep(between(pause_s - 10, pause_s + 20, cell, cell))
        pairs = first_stage(context, tasks + 2 * cell, lambda partition: between(task_s - 2, task_s + 2, cell, partition))
        if cell % 2 == 1:
            pairs = next_stage(pairs, 4, lambda _: task_s)
        pairs.count()


def idle(_, idle_s=600):
    """A driver without jobs."""
    time.sleep(idle_s)


def cached(context, tasks=24, task_s=10, again_s=3, pause_s=60):
    """An RDD that is cached and used by two later jobs, which do not shuffle, and a pause."""
    pairs = first_stage(context, tasks, lambda partition: between(task_s - 2, task_s + 2, 0, partition)).cache()
    pairs.count()
    time.sleep(pause_s / 3)
    for again in range(2):
        pairs.mapPartitionsWithIndex(sleeping(lambda _: again_s)).count()
        time.sleep(pause_s * (again + 1) / 2)


def sql(context, facts=48, names=12, groups=24, task_s=8, name_s=6, group_s=3, until=""):
    """A join and an aggregation with adaptive execution, which runs each stage as a job of its own."""
    spark = SparkSession(context)

    def nap(low, high, stage):
        until_here = until if stage == 2 else ""

        def sleep(number):
            time.sleep(between(low, high, stage, number))
            wait(until_here)
            return number

        # Not deterministic: the optimizer neither drops nor repeats the calls.
        return f.udf(sleep, IntegerType()).asNondeterministic()

    def column(low, high, stage, name):
        return nap(low, high, stage)(f.col(name).cast("int")).alias("key")

    spark.conf.set("spark.sql.shuffle.partitions", groups)
    left = spark.range(0, facts, 1, facts).select(column(0.6 * task_s, 1.6 * task_s, 0, "id"))
    # Eight rows a task.
    right = spark.range(0, 8 * names, 1, names).select(column(name_s / 10, name_s / 7, 1, "id"))
    joined = left.join(right, "key").select(column(task_s / 2, task_s, 2, "key"))
    joined.groupBy((f.col("key") % 30).alias("key")).count().select(column(0.6 * group_s, 1.4 * group_s, 3, "key")).collect()


def main():
    shape, *arguments = sys.argv[1:]
    arguments = dict(argument.split("=") for argument in arguments)
    context = SparkContext()
    shapes = {shape.__name__: shape for shape in (wide_narrow, skewed, short_tasks, gated, read_again, notebook, idle, cached, sql)}
    shapes[shape](context, **{name: int(value) if value.isdigit() else value for name, value in arguments.items()})
    context.stop()


main()
