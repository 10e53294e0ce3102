source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
  dynamic "provisioner" {
    for_each = ["a"]
    labels   = ["shell-local"]
    content "x" {
      inline = ["true"]
    }
  }
}
