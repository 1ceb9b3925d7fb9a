#!/bin/sh
# Makes third_party/golang.org/x/crypto: the packages below of the pinned
# version, without their tests, plus crypto.patch. "update.sh check" instead
# says whether the tree is just that.
#
# For a new version: change version and sum, run it, run make test.
set -eu

version=v0.58.0
sum=h1:COkYLr4k7nDI4r6QtMML2AfzeIswWHAJthLS6K/M/54=
packages='ssh ssh/internal/bcrypt_pbkdf chacha20 internal/alias internal/poly1305
	blowfish curve25519 cryptobyte cryptobyte/asn1 pbkdf2 scrypt'

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Outside this module, where the replacement of go.mod does not apply.
info=$(cd "$work" && GOWORK=off go mod download -json "golang.org/x/crypto@$version")
field() { printf '%s\n' "$info" | sed -n 's/^[[:space:]]*"'"$1"'": "\(.*\)",\{0,1\}$/\1/p'; }
if [ "$(field Sum)" != "$sum" ]; then
	echo "golang.org/x/crypto $version has the sum $(field Sum), want $sum" >&2
	exit 1
fi

tree=$work/crypto
mkdir "$tree"
for file in LICENSE PATENTS go.mod go.sum; do
	cp "$(field Dir)/$file" "$tree/"
done
for package in $packages; do
	mkdir -p "$tree/$package"
	for file in "$(field Dir)/$package"/*; do
		case $file in
		*_test.go) ;;
		*.go | *.s) cp "$file" "$tree/$package/" ;;
		esac
	done
done
chmod -R u=rwX,go=rX "$tree"
(cd "$tree" && git apply --whitespace=nowarn "$here/golang.org/x/crypto.patch")

if [ "${1-}" = check ]; then
	diff -ru "$tree" "$here/golang.org/x/crypto"
	echo "third_party: golang.org/x/crypto is $version and crypto.patch"
else
	rm -rf "$here/golang.org/x/crypto"
	mv "$tree" "$here/golang.org/x/crypto"
fi
