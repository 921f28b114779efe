//! HTTP GET of JSON with bounds on time and size, for services that are not always what they seem.
