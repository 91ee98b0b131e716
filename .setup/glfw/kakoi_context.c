// Part of Kakoi, not of GLFW: input contexts that compose at the caret.
#include "internal.h"

#if defined(_GLFW_X11)

// The application opens the input method itself, with kakoiOpenInput.
static int kakoiInputLater;

typedef XVaNestedList (*kakoiNestedList)(int, ...);
typedef XFontSet (*kakoiFontSet)(Display*, const char*, char***, int*, char**);

static XVaNestedList kakoiSpot(XPoint* spot)
{
    static kakoiNestedList nested;
    static kakoiFontSet fonts;
    static XFontSet set; // Xlib wants one with this style, although the input method draws with its own fonts

    if (!nested)
    {
        nested = (kakoiNestedList)
            _glfwPlatformGetModuleSymbol(_glfw.x11.xlib.handle, "XVaCreateNestedList");
        fonts = (kakoiFontSet)
            _glfwPlatformGetModuleSymbol(_glfw.x11.xlib.handle, "XCreateFontSet");
    }

    if (!nested)
        return NULL;

    if (!set && fonts)
    {
        char** missing = NULL;
        int count = 0;
        set = fonts(_glfw.x11.display, "-*-*-*-*-*-*-*-*-*-*-*-*-*-*,*", &missing, &count, NULL);
    }

    if (set)
        return nested(0, XNSpotLocation, spot, XNFontSet, set, NULL);

    return nested(0, XNSpotLocation, spot, NULL);
}

static XIC kakoiCreateContext(_GLFWwindow* window, XIMCallback* destroyed)
{
    const XIMStyle style = XIMPreeditPosition | XIMStatusNothing;
    GLFWbool found = GLFW_FALSE;
    XIMStyles* styles = NULL;
    XPoint spot = { 0, 0 };
    XVaNestedList attributes;
    XIC ic;

    if (XGetIMValues(_glfw.x11.im, XNQueryInputStyle, &styles, NULL) != NULL || !styles)
        return NULL;

    for (unsigned int i = 0;  i < styles->count_styles;  i++)
        found = found || styles->supported_styles[i] == style;

    XFree(styles);
    if (!found)
        return NULL;

    attributes = kakoiSpot(&spot);
    if (!attributes)
        return NULL;

    ic = XCreateIC(_glfw.x11.im,
                   XNInputStyle, style,
                   XNClientWindow, window->x11.handle,
                   XNFocusWindow, window->x11.handle,
                   XNPreeditAttributes, attributes,
                   XNDestroyCallback, destroyed,
                   NULL);
    XFree(attributes);
    return ic;
}

#endif
