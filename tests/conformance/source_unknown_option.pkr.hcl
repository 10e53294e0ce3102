source "null" "n" {
  communicator = "none"
  colour       = "red"
}
build {
  sources = ["null.n"]
}
