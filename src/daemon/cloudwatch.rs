//! Values of the CloudWatch metrics that policies declare.
