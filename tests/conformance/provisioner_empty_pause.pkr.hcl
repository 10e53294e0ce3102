source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
  provisioner "shell-local" {
    pause_before = ""
    inline       = ["true"]
  }
}
