"""Spark applications whose event logs the tests count: several jobs and stages, failures, and one without an end."""

import glob
import os
import time

from pyspark import SparkConf, SparkContext, TaskContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as f


def words(context):
    """Jobs of one stage and of several, one after another, and one that skips a stage."""
    words = context.parallelize(range(2_000), 6).map(lambda n: (f"word{n % 97}", 1))
    words.count()
    counts = words.reduceByKey(lambda a, b: a + b, 4)
    counts.count()
    counts.map(lambda pair: pair[1]).collect()


def queries(context):
    """SQL with adaptive execution, which runs each stage as a job of its own."""
    spark = SparkSession(context)
    facts = spark.range(0, 20_000, 1, 5).withColumn("key", f.col("id") % 100)
    names = spark.range(0, 100, 1, 2).withColumnRenamed("id", "key")
    facts.join(names, "key").groupBy("key").count().orderBy("key").collect()
    spark.stop()


def failures(context):
    """A task that is retried, a job that fails, and map output that is lost and made again."""

    def fails_once(partition, items):
        if partition == 2 and TaskContext.get().attemptNumber() == 0:
            raise ValueError("the first attempt fails")
        return items

    context.parallelize(range(40), 4).mapPartitionsWithIndex(fails_once).count()

    def fails_always(partition, items):
        if partition == 1:
            raise ValueError("every attempt fails")
        return items

    try:
        context.parallelize(range(40), 3).mapPartitionsWithIndex(fails_always).count()
    except Exception:
        pass

    folder = os.environ["SPARK_LOCAL_DIRS"]

    # Four partitions on two cores: the later ones do not find the output that the first has deleted.
    def loses_the_map_output(partition, items):
        items = list(items)
        if partition == 0 and not os.path.exists(f"{folder}/lost"):
            open(f"{folder}/lost", "w").close()
            for path in glob.glob(f"{folder}/**/shuffle_*.data", recursive=True):
                os.remove(path)
        elif partition == 1:
            time.sleep(1)
        return items

    pairs = context.parallelize([(n % 8, n) for n in range(100)], 3)
    pairs.groupByKey(4).mapPartitionsWithIndex(loses_the_map_output).count()


def run(application, master, **settings):
    conf = SparkConf().setAppName(application.__name__).setMaster(master)
    for name, value in settings.items():
        conf.set(name.replace("_", "."), value)
    context = SparkContext(conf=conf)
    application(context)
    return context


run(words, "local-cluster[1,2,1024]", spark_executor_memory="600m").stop()
run(queries, "local[2]", spark_eventLog_rolling_enabled="true", spark_eventLog_compress="true")
run(failures, "local[2,4]", spark_driver_memory="512m").stop()
unfinished = run(words, "local[2]")
# Only then does the log have the tasks.
unfinished._jsc.sc().listenerBus().waitUntilEmpty()
print(f"ready: {unfinished.uiWebUrl}", flush=True)
time.sleep(600)
