source "null" "n" {
  communicator = "none"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
