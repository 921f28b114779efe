"""An application of type SPARK without a container: its master chooses the address that YARN reports.

Arguments: its name and the address. It runs until it is killed.
"""

import sys
import time

from pyspark.java_gateway import launch_gateway


def submit(yarn, client, name):
    """Submits an application whose master YARN does not start, and returns the master's token."""
    created = client.createApplication()
    context = created.getApplicationSubmissionContext()
    context.setApplicationName(name)
    context.setApplicationType("SPARK")
    context.setUnmanagedAM(True)
    context.setResource(yarn.api.records.Resource.newInstance(512, 1))
    launch = yarn.api.records.ContainerLaunchContext
    context.setAMContainerSpec(launch.newInstance(None, None, None, None, None, None))
    application = client.submitApplication(context)
    while (token := client.getAMRMToken(application)) is None:
        time.sleep(0.2)
    return token


def main():
    name, address = sys.argv[1:]
    java = launch_gateway().jvm
    hadoop = java.org.apache.hadoop
    yarn = hadoop.yarn
    settings = yarn.conf.YarnConfiguration()
    client = yarn.client.api.YarnClient.createYarnClient()
    client.init(settings)
    client.start()
    token = submit(yarn, client, name)
    hadoop.security.UserGroupInformation.getCurrentUser().addToken(token)
    master = yarn.client.api.AMRMClient.createAMRMClient()
    master.init(settings)
    master.start()
    master.registerApplicationMaster("localhost", -1, address)
    while True:
        master.allocate(0.0)
        time.sleep(1)


main()
