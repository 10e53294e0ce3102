source "docker" "d" {
  image   = "debian:12"
  commit  = true
  changes = ["ENV A=b", "CMD [\"x\"]"]
}
build {
  sources = ["docker.d"]
  provisioner "shell" {
    inline = ["true"]
  }
  post-processors {
    post-processor "docker-tag" {
      repository = "a/b"
      tags       = ["1"]
    }
    post-processor "docker-push" {}
  }
}
