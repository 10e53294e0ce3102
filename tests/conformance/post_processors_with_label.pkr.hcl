source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
  post-processors "x" {
    post-processor "manifest" {}
  }
}
