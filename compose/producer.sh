#!/bin/sh
# A producer for the sample mesh: posts an order to the sidecar on its own loopback and prints the receipt.
#
#   producer.sh          one a second, for ever
#   producer.sh NUMBER   that one, and ends
set -eu

order() {
  id=$(cat /proc/sys/kernel/random/uuid)
  cat <<JSON
{"eventId":"$id","orderId":"A-$1","placedAt":"$(date -u +%Y-%m-%dT%H:%M:%SZ)","status":"PLACED","channel":"WEB",
 "customer":{"id":"C-$(($1 % 7))"},"total":{"amount":"$1.90"},"lines":[{"sku":"S-1","quantity":2,"price":"0.95"}]}
JSON
}

post() {
  order "$1" | curl -sS --max-time 15 -H 'content-type: application/json' --data-binary @- \
    http://127.0.0.1:7070/v1/products/orders/events
  echo
}

if [ $# -gt 0 ]; then
  post "$1"
  exit
fi
number=0
trap 'exit 0' TERM INT
while :; do
  number=$((number + 1))
  post "$number" || true
  sleep 1 &
  wait $!
done
