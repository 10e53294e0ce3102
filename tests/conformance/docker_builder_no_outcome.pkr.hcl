source "docker" "d" {
  image = "debian:12"
}
build {
  sources = ["docker.d"]
}
