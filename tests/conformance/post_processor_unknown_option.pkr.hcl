source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
  post-processor "manifest" {
    outptu = "x"
  }
}
