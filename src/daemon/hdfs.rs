//! The NameNode's JMX: how full HDFS is, and whether blocks lack copies.
