source "file" "f" {
  content = "x"
}
build {
  sources = ["file.f"]
}
