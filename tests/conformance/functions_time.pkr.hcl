locals {
  a = formatdate("YYYY-MM-DD", "2020-02-03T04:05:06Z")
  b = timeadd("2020-01-01T00:00:00Z", "36h")
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
