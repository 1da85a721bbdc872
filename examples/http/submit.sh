#!/bin/sh
# Submits updates with curl:
#
#   npm start
#   sh examples/http/submit.sh
#
# Another server is given as an argument: sh examples/http/submit.sh http://127.0.0.1:3001
# An API key, where one is needed, is read from the environment: API_KEY
set -eu
tally="${1:-http://127.0.0.1:3000}"
order="order-$(date +%s)-$$"

# Asks again what was not answered, or with 429 or 503: each update has an idempotency key, so it counts once.
call() {
  path="$1"
  shift
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    ${API_KEY:+--header "Authorization: Bearer $API_KEY"} "$@" "$tally$path"
}

post() {
  call "$1" --header "Content-Type: $2" --data "$3"
}

# One update. The answer says that Redis has it.
xp="{\"operation\":\"xp.award\",\"params\":{\"key\":\"xp:$order\",\"amount\":50},\"idempotencyKey\":\"$order\"}"
accepted="$(post /v1/updates application/json "$xp")"
echo "$accepted"

# Its outcome, asked for by its id until it is there.
id="$(echo "$accepted" | cut -d '"' -f 6)"
while
  outcome="$(call "/v1/updates/$id")"
  echo "$outcome" | grep -q '"status":"accepted"'
do
  sleep 0.1
done
echo "$outcome"

# The same again: it is not applied twice, and the answer is the first outcome. `wait` saves asking for it.
post '/v1/updates?wait=5000' application/json "$xp"
echo

# Several at once. Each takes effect or not by itself.
take="{\"operation\":\"inventory.take\",\"params\":{\"key\":\"stock:$order\",\"quantity\":1,\"whenShort\":\"reject\"},\"idempotencyKey\":\"$order-lamp\"}"
count="{\"operation\":\"counter.increment\",\"params\":{\"key\":\"orders:$order\"},\"idempotencyKey\":\"$order-count\"}"
post '/v1/updates?wait=5000' application/json "[$take,$count]"
echo

# A CloudEvent. Delivered again, with the same source and id, it would count once.
post '/v1/events?wait=5000' application/cloudevents+json \
  "{\"specversion\":\"1.0\",\"source\":\"/shop\",\"id\":\"$order\",\"type\":\"tally.counter.increment\",\"data\":{\"key\":\"orders:$order\"}}"
echo

# What Redis holds now.
call "/v1/cells?key=xp:$order"
echo
