# What is in this machine, from its files: nothing is installed, nothing written. $1 stands before each part, and no file
# can know it; $2 is "machine" where kernel and sockets are the machine's own. Parts that need a program come last, so
# that one that hangs takes nothing away.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
LC_ALL=C
export PATH LC_ALL
part() { printf '\n%s %s\n' "$mark" "$1"; }
lack() { printf '\n%s ! %s\n' "$mark" "$1"; }
# Without a program, so that it works where there is none.
show() { while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$1"; }
mark=$1

part system
for file in /etc/os-release /usr/lib/os-release; do
  if [ -f "$file" ]; then show "$file"; break; fi
done
part uname
uname -m
part kernel
[ "$2" != machine ] || show /proc/sys/kernel/osrelease

part users
if [ -f /etc/passwd ]; then show /etc/passwd; else lack "there is no /etc/passwd"; fi

part services
for file in /etc/systemd/system/*.wants/* /etc/systemd/system/*.requires/* /etc/runlevels/*/*; do
  if [ -L "$file" ] || [ -e "$file" ]; then printf '%s\n' "${file##*/}"; fi
done

if [ "$2" = machine ]; then
  part listening
  for kind in tcp tcp6 udp udp6; do
    if [ -r "/proc/net/$kind" ]; then printf '= %s\n' "$kind"; show "/proc/net/$kind"; fi
  done
fi

# What the system's own packages brought is told by their manager.
part python
for folder in /usr/lib/python3.*/site-packages /usr/lib64/python3.*/site-packages \
  /usr/local/lib/python3*/site-packages /usr/local/lib64/python3*/site-packages \
  /usr/local/lib/python3*/dist-packages /opt/*/lib/python3*/site-packages; do
  for file in "$folder"/*.dist-info "$folder"/*.egg-info; do
    [ -e "$file" ] || continue
    by=
    if [ -f "$file/INSTALLER" ]; then IFS= read -r by <"$file/INSTALLER"; fi
    case $by in rpm | debian) continue ;; esac
    printf '%s\n' "${file##*/}"
  done
done

part ruby
for file in /var/lib/gems/*/specifications/*.gemspec /usr/lib/ruby/gems/*/specifications/*.gemspec \
  /usr/lib64/ruby/gems/*/specifications/*.gemspec /usr/local/lib/ruby/gems/*/specifications/*.gemspec \
  /usr/local/share/gems/specifications/*.gemspec /usr/local/bundle/specifications/*.gemspec; do
  if [ -e "$file" ]; then printf '%s\n' "${file##*/}"; fi
done

part node
set --
for file in /usr/lib/node_modules /usr/local/lib/node_modules; do
  for file in "$file"/*/package.json "$file"/@*/*/package.json; do
    if [ -f "$file" ]; then set -- "$@" "$file"; fi
  done
done
if [ $# -gt 0 ]; then
  grep '^ *"version" *:' "$@" /dev/null
  [ $? -lt 2 ] || lack "there is no grep to read package.json with"
fi

if [ -e /var/lib/dpkg/status ]; then
  part dpkg
  sed -n -e '/^ /d' -e '/^Package:/p' -e '/^Status:/p' -e '/^Version:/p' -e '/^Architecture:/p' -e '/^$/p' \
    /var/lib/dpkg/status || lack "sed could not read /var/lib/dpkg/status"
elif [ -d /var/lib/dpkg/status.d ]; then
  part dpkg
  for file in /var/lib/dpkg/status.d/*; do
    case $file in *.md5sums) continue ;; esac
    if [ -f "$file" ]; then
      printf '\n'
      sed -n -e '/^ /d' -e '/^Package:/p' -e '/^Version:/p' -e '/^Architecture:/p' "$file" || lack "sed could not read $file"
    fi
  done
fi

for file in /lib/apk/db/installed /usr/lib/apk/db/installed; do
  if [ -e "$file" ]; then
    part apk
    sed -n -e '/^[PVA]:/p' -e '/^$/p' "$file" || lack "sed could not read $file"
    break
  fi
done

if [ -d /var/lib/pacman/local ]; then
  part pacman
  find /var/lib/pacman/local -name desc -exec sed -n -e '/^%NAME%$/{n;s/^/N /;p;}' -e '/^%VERSION%$/{n;s/^/V /;p;}' \
    -e '/^%ARCH%$/{n;s/^/A /;p;}' {} + || lack "find and sed could not read /var/lib/pacman/local"
fi

for folder in /usr/lib/sysimage/rpm /var/lib/rpm; do
  [ -e "$folder/rpmdb.sqlite" ] || [ -e "$folder/Packages" ] || [ -e "$folder/Packages.db" ] || continue
  part rpm
  if ! command -v rpm >/dev/null; then lack "its database is there, but the program rpm is not"; break; fi
  # Reading it as root leaves locks and indexes beside it: a copy is read, in memory.
  from=$folder copy=
  if [ -w "$folder" ]; then
    while read -r _ place kind _; do
      [ "$place $kind" != "/dev/shm tmpfs" ] || copy=/dev/shm/$mark
    done </proc/mounts
    if [ -n "$copy" ]; then
      if (umask 077 && mkdir "$copy") && cp "$folder"/* "$copy"; then from=$copy; fi
    fi
  fi
  rpm --dbpath "$from" -qa --qf '%{NAME}\t%{EPOCH}\t%{VERSION}-%{RELEASE}\t%{ARCH}\n' || lack "rpm could not read its database"
  [ -z "$copy" ] || rm -rf "$copy"
  break
done
part end
