locals {
  a = "%{for x in ["a", "b"]~}${x},%{endfor~}"
  b = "%{if false}x%{else}y%{endif}"
  c = "$${x} %%{y}"
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
