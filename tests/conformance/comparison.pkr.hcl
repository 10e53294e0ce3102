locals {
  a = 1 == "1"
  b = [1, 2] == [1, 2]
  c = null == null
  d = 2 >= 2
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
