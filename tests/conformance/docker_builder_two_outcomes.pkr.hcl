source "docker" "d" {
  image   = "debian:12"
  commit  = true
  discard = true
}
build {
  sources = ["docker.d"]
}
