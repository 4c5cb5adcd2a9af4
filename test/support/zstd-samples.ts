/** Frames made by zstd 1.5.4, to decode without that program. */

/** What both frames hold. */
export function zstdSampleContent(): Buffer {
  let text = '';
  for (let index = 0; index < 30_000; index++) {
    const mark = index % 1999 === 0 ? ` ${index}` : '';
    text += `entry ${index % 17} of ${index % 13}${mark}\n`;
  }
  return Buffer.from(text);
}

/** Level 1 from a pipe: a window descriptor, no content size, no checksum; four compressed blocks. */
export const ZSTD_LEVEL_1: Buffer = Buffer.from(
  'KLUv/QBI/BIABhUuFKCloDnoD44XW1WHt5eWNlHoB6diLgAmACUA/YpROStGM1SMBqwYxasYPasYtaoYLaoYpakYnS' +
    'tG70CAwEAAIJWKUelAgMBAEFY0yxU9SwY8K5rltoueJQOeFc1y20XPkgHPima57RKj9BWj8xUjAWf5nyUDnhXN8j9L' +
    'BjwrmuXsWTLgWdEs/7NkwLOiWb5+lgx4AV80mdgzrRkwkzrzM595acmAVjT3nwFn+f8MOMvTnAGtaG75DIEaqNHcC9' +
    'Lsd/EFRUC4YFhJGxJoECBxDEPAa97+/z+VNWjVBGo9B1otB1p5E9WVe4M8tUoMKf2l6Hc0kVKjDz5KcTZqnaUfdfOA' +
    'go/qjDSZMqQL1F8p1s0lucGxgj+pw58UxZ+UBbFUKmIU7njvLbiH47sHD8jbdydKDOAWajrYvFOe30LpfZXtfAW8jY' +
    '2vq3X6+VpkbQSlD+jU8MApcLFQVsgqsCk0UFhG+jkBOhl6l6JHSxeoBcpCr5BUYFNoRGGIHp/jg06GXhQ9qnSBWuCw' +
    'UK6he6IXosMmosb3ufDk24BKP3iYrJHxdI0KQwp1FN6Vfk6AzobeFP1KdQEtUBb6CoNMZmdE8xpBbCrahdNCsMBXWD' +
    'C4DGaCBrWCIrARVX1MFtH1OmU8w7SqOcEWLOTCWyBYaCsUC5nPCM1qKNssCRdeCyW0scIwq8zMQBM1ErePzQGvHbSd' +
    'BnCzsK4MzYAWakQAANoOqhHNbMbEy2TmNFQbKIHQxqiGaMVm/CE7ZqRJDWVPA21CNUEDy8zKdGFXCSj/4Sj4/f/ff/' +
    '/995/4f/goVaQIACQDbiA5OTk3ODkxMTQ1NjIzNDU3ODkxIDExOTk5MjM0NTYgMTM5OSAxNTk5IDE3OTk3ODlGIJGF' +
    'FWSEScY+wsCKbjvMHY7NCYDtOgAx9YR6AXVTXPiFBAQVKGBFL3iS8GmFIjMCVEwTqOxwiFQPWPehQhUYfKjCLg0X0t' +
    'IGqjeI/NFXAwdU0ShPQwBkiqC2A+4czEPKdyU/C5scbJ6q/AQWfJAyz7gBuUCFAo/zF6bMCwntUKdg+R7sIR/H3uAj' +
    'cJdjczJwZ4ML+QZkgLsH+4hFght0zpnCWdgpUIY6BcuXYzmZO/YGH9HewAPcG3zAe4MPgG/wB9T9xIF8g3TQpRZBCA' +
    'ZUoeAgLwwsUKGCDPoBndIXV/QHAHQCZiAxOTk5NjA2MCAyMTk4IDIzOTg3ODkgMjU5ODExIDI3OTg3ODkxOyDhBEUY' +
    'YYIxIOYD4ouIufMARTXyybE5yV0GcsqhgVwSIKbAq09AXVLEv7ClMliJoPJBcZsjRMiNP2LJDlNUexwMnXCYQhXKQQ' +
    'lU/+Au5aC7TDpo0AwsqECtgtTRAZujDj59w6wqDaEpOAOP+2A5eaDHAyDo6YAIejhAgp4HTNDzAYgpQKhAQA0aV5mB' +
    'UggqH1zJLoSSNY7wBrkUfrUJqKegOwiOBsKIQVD/UVLuAj8JQ0LZgUXVAQsguIN509iHqtp7AfWTJZEbPCCofOAtc6' +
    'GW8NYVJQEAMG4gMjk5OAcAtCQbEQWHKSBCv4DKUsibXSAXQWUfwAvOlgdX',
  'base64',
);

/** Level 19 from a file: content size and checksum. */
export const ZSTD_LEVEL_19: Buffer = Buffer.from(
  'KLUv/aQOPwYABA0AZlInFKCXNAdow/EkVXVPaGlpEx6seCoGJAAfACAAMWt65Jg9KxqJWdPPlOP4w+2dWRXRjEjEAz' +
    'AwCBAEhoMCg4GAM/zIMXtWND2rR455z4pGYk45nj0rGolZ0yPH7FnRSAx/z4omFI3EPSsaCcbPe1Y0EjN+3rOikZiz' +
    'HLNnRSMR1VrYWgrXSmh7ONyzopGYf8+KRmL+PSsaifnsWdFIHID4qDBwS/sGIC0pXWkNEgARICQCiCCdHtT//64dwJ' +
    'WtEDguf2q7BhyXP7Xdgzguf3qgpnZ3PeXJX4EwI3Jq9JTYxluBuJwaDkmR8KxAVoFUCthe0JQNHXnIkIV6R8hQK5Bs' +
    'ok+BPkC4CWoX8WgzfjFBXf+YbdCrYSlUt+PQNrMRpgvVtHZsNNpFPIqdMp8RLWqorVEO7sJuC5tuAMk4MzTUTraqWb' +
    'hR29zC5rQkkPHM0FhLh2W3cdmMbpOHQyDjWTyaxGpbtsbeiFkWs5NYUbJszxq+mHCZOQMtkguC2MhadVkjtCcvPhCK' +
    'ePEDA/GFBjPEYAaxiEEGYQPomoIUdQrkAQDDAQO3dmjpIK0cpv1AbUMKIDAr/z79wIpuew3hB0CmCVS76r4Kx2aIOX' +
    'vJVIGpk4OPvQCjAH/qrsTUuyAMAgDjwQN1tQh2pQh3lQi9HoFtDwEKoDDjHjDj/x47jIg5nt3+KscfsezI9OMgdfCx' +
    '684Plaxx5D4qP5cShoR7wsQLEY0AADAgMjk5ODUC8LsI7Kgjz/cezZaqGw==',
  'base64',
);
