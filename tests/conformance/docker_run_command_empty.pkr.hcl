source "docker" "d" {
  image       = "x"
  commit      = true
  run_command = []
}

build {
  sources = ["source.docker.d"]
}
