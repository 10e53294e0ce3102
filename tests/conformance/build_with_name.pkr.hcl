source "null" "n" {
  communicator = "none"
}
build {
  name        = "first"
  description = "words"
  sources     = ["null.n"]
}
