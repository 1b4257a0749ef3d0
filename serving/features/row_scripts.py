"""What Redis does with packed rows by itself, so that nobody else writes in between."""

# Of one partition. KEYS: the layouts that are registered, then rows. ARGV: the view, then each row anew.
# Replaces each row unless the stored one is newer; one of another layout is replaced whatever its time if
# the given one is registered. Answers 1 or 0 of each row; or a fingerprint, the one that is registered or
# stored where none is, and then nothing is changed. Lua's numbers are exact to 2^53 us.
REPLACE_UNLESS_OLDER = """
local given = string.sub(ARGV[2], 1, 8)
local registered = redis.call('HGET', KEYS[1], ARGV[1])
if registered and registered ~= given then return registered end
for n = 2, registered and 0 or #KEYS do
  local stored = redis.call('GETRANGE', KEYS[n], 0, 7)
  if #stored == 8 and stored ~= given then return stored end
end
local answer = {}
for n = 2, #KEYS do
  local stored = redis.call('GETRANGE', KEYS[n], 0, 15)
  if #stored == 16 and string.sub(stored, 1, 8) == given
      and struct.unpack('<i8', stored, 9) > struct.unpack('<i8', ARGV[n], 9) then
    answer[n - 1] = 0
  else
    redis.call('SET', KEYS[n], ARGV[n])
    answer[n - 1] = 1
  end
end
return answer
"""

# KEYS: rows of one partition. ARGV: the head that each was read with. Answers 1 of each that was removed, 0
# of one that is no longer the same.
REMOVE_UNCHANGED = """
local answer = {}
for n = 1, #KEYS do
  local same = redis.call('GETRANGE', KEYS[n], 0, 15) == ARGV[n]
  if same then redis.call('UNLINK', KEYS[n]) end
  answer[n] = same and 1 or 0
end
return answer
"""
