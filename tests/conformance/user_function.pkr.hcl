source "file" "f" {
  target  = "x"
  content = "{{ user `x` }}"
}

build {
  sources = ["source.file.f"]
}
