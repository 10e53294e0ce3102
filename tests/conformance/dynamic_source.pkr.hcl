source "null" "n" {
  communicator = "none"
}
build {
  dynamic "source" {
    for_each = ["q", "r"]
    labels   = ["null.n"]
    content {
      name = source.value
    }
  }
  provisioner "shell-local" {
    inline = ["echo ${source.name}"]
  }
}
