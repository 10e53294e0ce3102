variables {
  a = "1"
  b = 2
  c = ["x"]
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
