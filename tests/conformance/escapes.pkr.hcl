locals {
  a = "tab\t quote\" back\\ u\u00e9 \U0001F600"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
