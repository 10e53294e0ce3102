source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
  post-processor "manifest" {}
  post-processors {
    post-processor "shell-local" {
      inline = ["a"]
    }
    post-processor "manifest" {
      name = "mine"
    }
  }
}
