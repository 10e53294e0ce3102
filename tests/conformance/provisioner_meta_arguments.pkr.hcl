source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
  provisioner "shell-local" {
    name         = "x"
    only         = ["null.n"]
    pause_before = "1s"
    timeout      = "1h"
    max_retries  = 2
    inline       = ["echo {{build_name}}"]
  }
}
