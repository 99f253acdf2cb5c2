"""GLSL sources; `shaders` declares their inputs and compiles them."""

# Written by `core.render.packing.camera_block`. lens: focal lengths and principal point in px; slopes: bounds of x/z and
# y/z for the Jacobian; frame: width and height in px, whether orthographic, number of Gaussians to draw.
CAMERA_BLOCK = """
struct CameraBlock {
  mat4 viewmat;
  mat4 clip;
  vec4 lens;
  vec4 slopes;
  vec4 frame;
};
"""

SPLAT_VERTEX = """
vec4 texel(int splat, int part) {
  return texelFetch(
      attributes, ivec2((splat % ROW_GAUSSIANS) * TEXELS + part, splat / ROW_GAUSSIANS), 0);
}

void hide() {
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  offset = vec2(0.0);
  color = vec4(0.0);
  depth = 0.0;
}

void main() {
  int place = gl_InstanceID * QUADS + int(corner.z);
  if (place >= int(camera.frame.w)) {
    hide();
    return;
  }
  int splat = int(texelFetch(order, ivec2(place % ROW_ORDER, place / ROW_ORDER), 0).r);
  vec4 mean = texel(splat, 0);
  vec3 position = (camera.viewmat * vec4(mean.xyz, 1.0)).xyz;
  if (position.z < 0.01) {
    hide();
    return;
  }
  vec4 quat = texel(splat, 1);
  vec3 scales = texel(splat, 2).xyz;
  float opacity = min(mean.w, 1.0);

  /* The projection of rotation times scales, one row an image axis (EWA splatting, Zwicker 2001). */
  bool is_orthographic = camera.frame.z > 0.5;
  float per_depth = is_orthographic ? 1.0 : 1.0 / position.z;
  vec2 slope = clamp(position.xy * per_depth, camera.slopes.xy, camera.slopes.zw);
  if (is_orthographic) {
    slope = vec2(0.0);
  }
  float norm = length(quat);
  quat = norm > 0.0 ? quat / norm : vec4(1.0, 0.0, 0.0, 0.0);
  float w = quat.x, x = quat.y, y = quat.z, z = quat.w;
  mat3 rotation = mat3(1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y),
                       2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x),
                       2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y));
  mat3 turned = mat3(camera.viewmat) * rotation;
  vec3 row_x = vec3(turned[0].x, turned[1].x, turned[2].x);
  vec3 row_y = vec3(turned[0].y, turned[1].y, turned[2].y);
  vec3 row_z = vec3(turned[0].z, turned[1].z, turned[2].z);
  vec3 u = camera.lens.x * per_depth * (row_x - slope.x * row_z) * scales;
  vec3 v = camera.lens.y * per_depth * (row_y - slope.y * row_z) * scales;

  /* Covariance in px^2 with the low-pass 0.3, its eigenvalues without cancellation. */
  float c00 = dot(u, u) + 0.3, c01 = dot(u, v), c11 = dot(v, v) + 0.3;
  vec3 normal = cross(u, v);
  float determinant = dot(normal, normal) + 0.3 * (dot(u, u) + dot(v, v)) + 0.09;
  float half_difference = 0.5 * (c00 - c11);
  float radius = length(vec2(half_difference, c01));
  float larger = 0.5 * (c00 + c11) + radius;
  float smaller = determinant / larger;
  vec2 axis = half_difference >= 0.0 ? vec2(radius + half_difference, c01) :
                                       vec2(c01, radius - half_difference);
  axis = radius > 0.0 ? normalize(axis) : vec2(1.0, 0.0);

  /* The rectangle around the ellipse where alpha reaches 1/255, in standard deviations. */
  float deviations = sqrt(max(2.0 * log(255.0 * opacity), 0.0));
  offset = corner.xy * deviations;
  vec2 spread = offset * sqrt(vec2(larger, smaller));
  vec2 pixel = camera.lens.xy * position.xy * per_depth + camera.lens.zw +
               axis * spread.x + vec2(-axis.y, axis.x) * spread.y;
  gl_Position = vec4(2.0 * pixel.x / camera.frame.x - 1.0,
                     1.0 - 2.0 * pixel.y / camera.frame.y, 0.0, 1.0);
  color = vec4(texel(splat, 3).rgb, opacity);
  depth = position.z;
}
"""

SPLAT_FRAGMENT = """
void main() {
  ivec2 place = min(ivec2(gl_FragCoord.xy), textureSize(limits, 0) - 1);
  float alpha = min(0.999, color.a * exp(-0.5 * dot(offset, offset)));
  if (alpha < 1.0 / 255.0 || depth > texelFetch(limits, place, 0).r) {
    discard;
  }
  blended = vec4(color.rgb * alpha, alpha);
#ifdef WITH_DEPTH
  weighted_depth = vec4(depth * alpha, alpha, 0.0, alpha);
#endif
}
"""

MESH_VERTEX = """
void main() {
  vec4 position = camera.viewmat * (model * vec4(pos, 1.0));
  gl_Position = camera.clip * position;
  place = position.xyz;
  mat3 m = mat3(model);
  mat3 cofactors = mat3(cross(m[1], m[2]), cross(m[2], m[0]), cross(m[0], m[1]));
  facing = mat3(camera.viewmat) * (cofactors * nor);
#ifdef WITH_COLOR
  tint = base;
#endif
}
"""

# The light of `shading.py`: above the camera's left shoulder, on whichever side looks at the camera.
MESH_FRAGMENT = """
void main() {
  surface_depth = vec4(place.z, 0.0, 0.0, 1.0);
#ifdef WITH_COLOR
  vec3 ray = camera.frame.z > 0.5 ? vec3(0.0, 0.0, 1.0) : place;
  vec3 normal = normalize(facing);
  float lit = (dot(normal, ray) > 0.0 ? -1.0 : 1.0) * dot(normal, normalize(vec3(-0.4, -0.6, -1.0)));
  vec3 linear_color = tint * (0.25 + 0.75 * max(lit, 0.0));
  shaded = is_solid * vec4(to_display(linear_color), 1.0);
#endif
}
"""

SCREEN_VERTEX = """
void main() {
  gl_Position = vec4(pos, 0.0, 1.0);
}
"""

# IEC 61966-2-1: our pictures hold display-referred colours, Blender's screen wants linear ones.
SRGB = """
float to_linear(float value) {
  float size = abs(value);
  return sign(value) * (size <= 0.04045 ? size / 12.92 : pow((size + 0.055) / 1.055, 2.4));
}

vec3 to_linear(vec3 color) {
  return vec3(to_linear(color.r), to_linear(color.g), to_linear(color.b));
}

float to_display(float value) {
  return value <= 0.0031308 ? value * 12.92 : 1.055 * pow(value, 1.0 / 2.4) - 0.055;
}

vec3 to_display(vec3 color) {
  return vec3(to_display(color.r), to_display(color.g), to_display(color.b));
}
"""

SCENE_FRAGMENT = """
void main() {
  vec2 uv = (gl_FragCoord.xy - region.xy) / region.zw;
  vec4 head = texture(heads, uv);
  vec4 color = head + (1.0 - head.a) * texture(surfaces, uv);
  color += (1.0 - color.a) * background;
  shown = color.a > 0.0 ? vec4(to_linear(color.rgb / color.a) * color.a, color.a) : vec4(0.0);
}
"""

OVERLAY_FRAGMENT = """
void main() {
  vec2 uv = (gl_FragCoord.xy - region.xy) / region.zw;
  vec4 head = texture(heads, uv);
  if (head.a < 1.0 / 255.0) {
    discard;
  }
  /* A head's own proxy must never be seen: where it is nearer the head takes its place, and where it
   * would shine through hair the head hides all of it. */
  ivec2 place = min(ivec2(uv * vec2(textureSize(heads, 0))), textureSize(heads, 0) - 1);
  float proxy = texelFetch(proxies, place, 0).r;
  vec2 weighted = texelFetch(depths, place, 0).rg;
  float depth = min(weighted.r / max(weighted.g, 1.0 / 255.0), proxy * 0.9999);
  vec4 clip = camera.clip * vec4(0.0, 0.0, depth, 1.0);
  gl_FragDepth = clamp(0.5 * clip.z / clip.w + 0.5, 0.0, 1.0);
  float alpha = proxy < 1e30 ? 1.0 : head.a;
  shown = vec4(to_linear(head.rgb / head.a) * alpha, alpha);
}
"""
