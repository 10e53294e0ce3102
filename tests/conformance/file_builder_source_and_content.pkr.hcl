source "file" "f" {
  content = "x"
  source  = "z"
  target  = "y"
}
build {
  sources = ["file.f"]
}
