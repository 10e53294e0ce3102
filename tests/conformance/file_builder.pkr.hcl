source "file" "f" {
  content = "x"
  target  = "y"
}
build {
  sources = ["file.f"]
}
